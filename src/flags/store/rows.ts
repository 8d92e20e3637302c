import type { Flag, FlagState } from '../../generated/prisma/client.ts';
import type { FlagRule } from '../../targeting/model/flag-rule.ts';
import type { Experiment } from '../model/experiment.ts';
import type { Flag as DomainFlag, FlagStatus, FlagType } from '../model/flag.ts';
import type { FlagOverride } from '../model/flag-override.ts';
import type { FlagState as DomainFlagState, EmergencyOverride } from '../model/flag-state.ts';
import type { LastSet, LastSets } from '../model/last-set.ts';
import type { Variant } from '../model/variant.ts';

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
