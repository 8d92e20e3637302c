import type { Flag as DomainFlag, FlagState as DomainFlagState, FlagType, FlagUpdates } from '../../domain/flag.ts';
import type { Schedule as DomainSchedule, ScheduleStatus } from '../../domain/schedule.ts';
import type { Flag, FlagState, Prisma, PrismaClient, Schedule } from '../../generated/prisma/client.ts';

/** The whole client, or the part of it that works inside one transaction. */
export type Queryable = PrismaClient | Prisma.TransactionClient;

export const toFlag = ({ id, key, name, description, type, tags, createdAt, updatedAt }: Flag): DomainFlag => ({
  id,
  key,
  name,
  description,
  type: type as FlagType,
  tags,
  createdAt,
  updatedAt,
});

export const toFlagState = (row: FlagState): DomainFlagState => ({
  flagId: row.flagId,
  environment: row.environmentKey,
  enabled: row.enabled,
  rolloutPercentage: row.rolloutPercentage,
  defaultVariant: row.defaultVariant,
  version: row.version,
  updatedAt: row.updatedAt,
});

/** `updates` comes as it was stored: whoever applies it checks it. */
export const toSchedule = ({
  environmentKey,
  status,
  updates,
  ...row
}: Omit<Schedule, 'lastError' | 'updatedAt'>): DomainSchedule => ({
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
  retryCount: row.retryCount,
  maxRetries: row.maxRetries,
  nextRetryAt: row.nextRetryAt,
  idempotencyKey: row.idempotencyKey,
  createdAt: row.createdAt,
});
