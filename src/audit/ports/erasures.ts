import type { Erasure } from '../model/person-erased.ts';
import type { AuditLogger } from './audit-logger.ts';

/** Erasures within one transaction. */
export type Erasures = {
  /**
   * Notes that a person's data is to be erased. From the commit on, readers show none of it, and what is still on its way into the
   * log is stripped. `isNew` is false if an earlier erasure has covered all that the log has. Null if the log has nothing of that
   * actor.
   */
  begin(actorId: string): Promise<{ erasure: Erasure; isNew: boolean } | null>;
};

/** What erasing uses inside one transaction. */
export type ErasureTransaction = { erasures: Erasures; audit: AuditLogger };
