import type { Flag as Row } from '../../generated/prisma/client.ts';
import type { Flag } from '../model/flag.ts';
import type { FlagStatus } from '../model/flag-status.ts';
import type { FlagType } from '../model/flag-type.ts';
import type { LastSet } from '../model/last-set.ts';
import type { Variant } from '../model/variant.ts';

export const toFlag = (row: Row): Flag => ({
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
