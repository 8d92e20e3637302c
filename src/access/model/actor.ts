import { z } from 'zod';

export const actorTypes = ['USER', 'SERVICE_ACCOUNT', 'SYSTEM', 'API'] as const;

/** Who acted: a snapshot, which survives the person's deletion. */
export const actorSchema = z.object({
  type: z.enum(actorTypes),
  id: z.string(),
  name: z.string().nullable(),
  email: z.string().nullable(),
});
export type Actor = z.infer<typeof actorSchema>;
export type ActorType = Actor['type'];

/** Flagtrail itself: the worker, the audit pipeline. */
export const systemActor: Actor = { type: 'SYSTEM', id: 'system', name: 'Flagtrail', email: null };

/** Where a request came from, as far as it is known. */
export const requestContextSchema = z.object({
  ipAddress: z.string().nullable(),
  userAgent: z.string().nullable(),
  requestId: z.string().nullable(),
  sessionId: z.string().nullable(),
  apiKeyId: z.string().nullable(),
});
export type RequestContext = z.infer<typeof requestContextSchema>;

export const roles = ['ADMIN', 'AUDITOR', 'AUDIT_WRITER'] as const;
/** ADMIN does everything, AUDITOR reads, AUDIT_WRITER records events of other applications. */
export type Role = (typeof roles)[number];

/** Who a token or an API key speaks for, as the authenticator found out. */
export type Identity = {
  actor: Actor;
  /**
   * The token's subject, null where it has none; or the API key's id, or the person whom it speaks for. What `created_by` and
   * `cancelled_by` keep.
   */
  userId: string | null;
  roles: readonly Role[];
  sessionId: string | null;
  /** Null: the token does not expire. */
  expiresAt: Date | null;
  /** The API key that was used; null: it was a token. */
  apiKeyId: string | null;
};

/** Whose share of the service an identity uses: that of its key, for whomever that speaks, or of its token's subject. */
export const shareOf = ({ apiKeyId, userId, actor }: Pick<Identity, 'apiKeyId' | 'userId' | 'actor'>): string =>
  apiKeyId === null ? `${actor.type} ${userId ?? actor.id}` : `key ${apiKeyId}`;

/** An identity at work: the caller of one operation. */
export type Caller = Identity & { requestContext: RequestContext };

/**
 * Who acted: the log's snapshot; where the log has none (yet), the caller, if it was them. Of somebody else only the userId is
 * known then, and that makes no actor.
 */
export const actorKnownTo = (caller: Caller, snapshot: Actor | null | undefined, userId: string | null): Actor | null =>
  snapshot ?? (userId !== null && userId === caller.userId ? caller.actor : null);

/** An admin may do everything; any other role only itself. */
export const hasRole = ({ roles }: Pick<Identity, 'roles'>, required: Role): boolean =>
  roles.includes('ADMIN') || roles.includes(required);
