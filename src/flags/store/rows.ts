import type { Flag, FlagState, Prisma, PrismaClient, Schedule } from '../../generated/prisma/client.ts';
import type { Schedule as DomainSchedule, Plan, ScheduleStatus } from '../../schedules/model/schedule.ts';
import type { FlagRule } from '../../targeting/model/flag-rule.ts';
import type { Experiment } from '../model/experiment.ts';
import type { Flag as DomainFlag, FlagStatus, FlagType } from '../model/flag.ts';
import type { FlagOverride } from '../model/flag-override.ts';
import type { FlagState as DomainFlagState, EmergencyOverride, FlagUpdates } from '../model/flag-state.ts';
import type { LastSet, LastSets } from '../model/last-set.ts';
import type { Variant } from '../model/variant.ts';

/** The whole client, or the part of it that works inside one transaction. */
export type Queryable = PrismaClient | Prisma.TransactionClient;

export const toFlag = (row: Flag): DomainFlag => ({
  id: row.id,
  key: row.key,
  name: row.name,
  description: row.description,
  type: row.type as FlagType,
  variants: row.variants as Variant[],
  tags: row.tags,
  status: row.status as FlagStatus,
  version: row.version,
  statusLastSet: row.statusLastSet as LastSet,
  createdAt: row.createdAt,
  createdBy: row.createdBy,
  updatedAt: row.updatedAt,
});

export const toFlagState = (row: FlagState): DomainFlagState => ({
  flagId: row.flagId,
  environment: row.environmentKey,
  enabled: row.enabled,
  rolloutPercentage: row.rolloutPercentage,
  defaultVariant: row.defaultVariant,
  rules: row.rules as FlagRule[],
  overrides: row.overrides as FlagOverride[],
  experiment: row.experiment as Experiment | null,
  emergency: row.emergency as EmergencyOverride | null,
  version: row.version,
  lastSet: row.lastSet as LastSets,
  updatedAt: row.updatedAt,
});

/** A plan as it is stored. */
type StoredPlan = { scheduledAt: string; updates: FlagUpdates; maxRetries: number };

/** `updates` comes as it was stored: whoever applies it checks it. */
export const toSchedule = ({ environmentKey, status, updates, ...row }: Omit<Schedule, 'updatedAt'>): DomainSchedule => ({
  id: row.id,
  flagId: row.flagId,
  flagKey: row.flagKey,
  environment: environmentKey,
  scheduledAt: row.scheduledAt,
  status: status as ScheduleStatus,
  updates: updates as FlagUpdates,
  createdBy: row.createdBy,
  cancelledBy: row.cancelledBy,
  cancelledAt: row.cancelledAt,
  cancelReason: row.cancelReason,
  appliedAt: row.appliedAt,
  errorMessage: row.errorMessage,
  lastError: row.lastError,
  lastErrorAt: row.lastErrorAt,
  retryCount: row.retryCount,
  maxRetries: row.maxRetries,
  nextRetryAt: row.nextRetryAt,
  triedStateVersion: row.triedStateVersion,
  triedFlagVersion: row.triedFlagVersion,
  idempotencyKey: row.idempotencyKey,
  requested: toPlan(row.requested as StoredPlan | null),
  decidedAt: row.decidedAt,
  version: row.version,
  createdAt: row.createdAt,
});

const toPlan = (stored: StoredPlan | null): Plan | null => stored && { ...stored, scheduledAt: new Date(stored.scheduledAt) };
