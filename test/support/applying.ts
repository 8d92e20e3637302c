import { newFlagState } from '../../src/flags/model/flag-state.ts';
import type { LastSet, Setting } from '../../src/flags/model/last-set.ts';
import { applySchedule } from '../../src/schedules/model/apply-schedule.ts';
import type { Held, LockedFlag, LockedState } from '../../src/schedules/model/held.ts';
import type { Schedule } from '../../src/schedules/model/schedule.ts';

// Due schedules, and the flags and states that they meet, all at one instant.

export const now = new Date('2026-03-01T09:00:00.000Z');
export const minutes = (n: number) => new Date(now.getTime() + n * 60_000);
export const aSchedule = (rest: Partial<Schedule> = {}): Schedule => ({
  id: 'b',
  flagId: 'f-1',
  flagKey: 'checkout',
  environment: 'production',
  scheduledAt: minutes(-10),
  status: 'PENDING',
  updates: { enabled: true },
  createdBy: null,
  cancelledBy: null,
  cancelledAt: null,
  cancelReason: null,
  appliedAt: null,
  errorMessage: null,
  lastError: null,
  lastErrorAt: null,
  retryCount: 0,
  maxRetries: 3,
  nextRetryAt: null,
  triedStateVersion: null,
  triedFlagVersion: null,
  idempotencyKey: null,
  requested: null,
  decidedAt: null,
  version: 1,
  createdAt: minutes(-60),
  ...rest,
});
const aFlag = (rest: Partial<LockedFlag> = {}): LockedFlag => ({
  ...{
    id: 'f-1',
    key: 'checkout',
    type: 'BOOLEAN',
    variants: [],
    status: 'ACTIVE',
    version: 7,
    statusLastSet: {},
    emergency: null,
  },
  ...rest,
});
export const held = (rest: Partial<LockedState> = {}, flag: Partial<LockedFlag> = {}): Held => ({
  flag: aFlag(flag),
  state: {
    ...newFlagState({ id: 'f-1' }, 'production', minutes(-60)),
    version: 4,
    environmentEnabled: true,
    ...rest,
  },
});
export const apply = (schedule: Schedule, holding: Held | null) => applySchedule(schedule, holding, { now, random: 0 });

export const setBySchedule = (schedule: { scheduledAt: Date; id: string }, value: unknown = false) => ({
  bySchedule: {
    schedule: { id: schedule.id, scheduledAt: schedule.scheduledAt.toISOString() },
    at: '2026-03-01T08:58:00.000Z',
    from: !value,
    to: value as boolean,
    version: 4,
  },
});
export const setByCarol = (rest: Partial<Setting> = {}): LastSet => ({
  byActor: { actor: { id: 'u-1', name: 'carol' }, at: '2026-03-01T08:59:00.000Z', from: 0, to: 5, version: 4, ...rest },
});
export const aRetry = (rest: Partial<Schedule> = {}) =>
  aSchedule({ status: 'FAILED', nextRetryAt: minutes(-1), triedStateVersion: 3, triedFlagVersion: 3, ...rest });
