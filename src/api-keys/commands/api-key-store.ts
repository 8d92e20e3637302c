import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { ApiKey } from '../model/api-key.ts';

/** Durable home of API keys: what is known of them, and the hash of each. */
export type ApiKeyStore = {
  /** Oldest first. The cursor is an id: a UUIDv7, which says when the key was created. */
  list(slice: Slice<string>): Promise<ApiKey[]>;
  count(): Promise<number>;
  find(id: string): Promise<ApiKey | null>;
  /** `hash` is the SHA-256 of the whole key. */
  findByPrefix(prefix: string): Promise<{ apiKey: ApiKey; hash: Uint8Array } | null>;
  /** Those of the ids that have a key which is not revoked. */
  findUnrevoked(ids: readonly string[]): Promise<Set<string>>;
  /** Notes when keys were used, except where that is known to within `toleranceMs`. */
  markUsed(ids: readonly string[], usedAt: Date, toleranceMs: number): Promise<void>;
};

/** What the commands of this wing reach in one transaction. */
export type ApiKeyTransaction = { apiKeys: ApiKeyWriter; audit: AuditLogger };

/** What a change of keys needs, inside one transaction. */
export type ApiKeyWriter = {
  add(apiKey: ApiKey, hash: Uint8Array): Promise<void>;
  /** Revokes a key; null where it is revoked already, or does not exist. */
  revoke(revocation: { id: string; revokedAt: Date; revokedBy: string | null }): Promise<ApiKey | null>;
  find: ApiKeyStore['find'];
};
