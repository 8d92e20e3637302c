import type { AuditLogger } from '../../audit/ports/audit-logger.ts';
import type { Slice } from '../../kernel/paging.ts';
import type { ApiKey } from '../model/api-key.ts';

/** Durable storage of API keys: what is known of each, and its hash. */
export type ApiKeyStore = {
  /** Oldest first. The cursor is an id: a UUIDv7, which contains the time of creation. */
  list(slice: Slice<string>): Promise<ApiKey[]>;
  count(): Promise<number>;
  find(id: string): Promise<ApiKey | null>;
  /** Finds a key by the part that is shown. `hash` is the SHA-256 of the whole key. */
  findByPrefix(prefix: string): Promise<{ apiKey: ApiKey; hash: Uint8Array } | null>;
  /** Those ids whose key exists and is not revoked. */
  findUnrevoked(ids: readonly string[]): Promise<Set<string>>;
  /** Stores when keys were used, unless that is already known to within `toleranceMs`. */
  markUsed(ids: readonly string[], usedAt: Date, toleranceMs: number): Promise<void>;
};

/** What the commands of this wing can reach in one transaction. */
export type ApiKeyTransaction = { apiKeys: ApiKeyWriter; audit: AuditLogger };

/** Changes keys, inside one transaction. */
export type ApiKeyWriter = {
  add(apiKey: ApiKey, hash: Uint8Array): Promise<void>;
  /** Revokes a key. Returns null if it is already revoked, or does not exist. */
  revoke(revocation: { id: string; revokedAt: Date; revokedBy: string | null }): Promise<ApiKey | null>;
  find: ApiKeyStore['find'];
};
