import type { Role } from '../../access/model/actor.ts';
import type { Queryable } from '../../database/queryable.ts';
import type { Prisma, PrismaClient, ApiKey as Row } from '../../generated/prisma/client.ts';
import type { ApiKeyStore, ApiKeyWriter } from '../commands/api-key-store.ts';
import type { ApiKey } from '../model/api-key.ts';

/** Only the verification of a key reads its hash. */
const omit = { hash: true } as const;

const toApiKey = (row: Omit<Row, 'hash'>): ApiKey => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  roles: row.roles as Role[],
  createdAt: row.createdAt,
  createdBy: row.createdBy,
  expiresAt: row.expiresAt,
  lastUsedAt: row.lastUsedAt,
  revokedAt: row.revokedAt,
  revokedBy: row.revokedBy,
});

const find = async (prisma: Queryable, id: string): Promise<ApiKey | null> => {
  const row = await prisma.apiKey.findUnique({ where: { id }, omit });
  return row && toApiKey(row);
};

/** API keys in the database. */
export const makeApiKeyStore = (prisma: PrismaClient): ApiKeyStore => ({
  list: async ({ after, before, limit, inverted }) => {
    const rows = await prisma.apiKey.findMany({
      where: { id: { ...(after !== undefined && { gt: after }), ...(before !== undefined && { lt: before }) } },
      orderBy: { id: inverted ? 'desc' : 'asc' },
      take: limit,
      omit,
    });
    return rows.map(toApiKey);
  },
  count: () => prisma.apiKey.count(),
  find: (id) => find(prisma, id),
  findByPrefix: async (prefix) => {
    const row = await prisma.apiKey.findUnique({ where: { prefix } });
    return row && { apiKey: toApiKey(row), hash: row.hash };
  },
  findUnrevoked: async (ids) => {
    const rows = await prisma.$queryRaw<{ id: string }[]>`
      SELECT id FROM api_keys WHERE id = ANY(${[...ids]}::uuid[]) AND revoked_at IS NULL`;
    return new Set(rows.map(({ id }) => id));
  },
  markUsed: async (ids, usedAt, toleranceMs) => {
    const known = new Date(usedAt.getTime() - toleranceMs);
    await prisma.$executeRaw`UPDATE api_keys SET last_used_at = ${usedAt}
      WHERE id = ANY(${[...ids]}::uuid[]) AND (last_used_at IS NULL OR last_used_at <= ${known})`;
  },
});

/** API keys in one transaction. */
export const makeApiKeyWriter = (tx: Prisma.TransactionClient): ApiKeyWriter => ({
  add: async (apiKey, hash) => {
    await tx.apiKey.createMany({ data: [{ ...apiKey, hash: Buffer.from(hash) }] });
  },
  revoke: async ({ id, revokedAt, revokedBy }) => {
    const [row] = await tx.apiKey.updateManyAndReturn({ where: { id, revokedAt: null }, data: { revokedAt, revokedBy }, omit });
    return row ? toApiKey(row) : null;
  },
  find: (id) => find(tx, id),
});
