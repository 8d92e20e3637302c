import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { TreeHead } from '../ports/tree.ts';

/** Who signs the log, and in which epoch: what the head says beside the tree. */
export type LogHeadWriter = {
  /** Locks the head: no event gets its position until the transaction ends. */
  findLocked(): Promise<TreeHead & { signingKey: string | null }>;
  save(head: { epoch: number; signingKey: string }): Promise<void>;
};

/** What this wing's commands use inside one transaction. */
export type LogHeadTransaction = { logHead: LogHeadWriter; audit: AuditLogger };
