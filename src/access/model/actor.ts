import { z } from 'zod';

export const actorTypes = ['USER', 'SERVICE_ACCOUNT', 'SYSTEM', 'API'] as const;

/** Who acted: a snapshot that survives the person's deletion. */
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

/** Where a request came from, as far as known. */
export const requestContextSchema = z.object({
  ipAddress: z.string().nullable(),
  userAgent: z.string().nullable(),
  requestId: z.string().nullable(),
  sessionId: z.string().nullable(),
  apiKeyId: z.string().nullable(),
});
export type RequestContext = z.infer<typeof requestContextSchema>;

export const roles = ['ADMIN', 'AUDITOR', 'AUDIT_WRITER'] as const;
/** ADMIN can do everything, AUDITOR can read, AUDIT_WRITER can record events of other applications. */
export type Role = (typeof roles)[number];

/** Who a token or an API key speaks for, as the authenticator found. */
export type Identity = {
  actor: Actor;
  /**
   * What `created_by` and `cancelled_by` store: the token's subject (null if it has none), the API key's id, or the person on
   * whose behalf the key acts.
   */
  userId: string | null;
  roles: readonly Role[];
  sessionId: string | null;
  /** Null: the token does not expire. */
  expiresAt: Date | null;
  /** The API key that was used; null for a token. */
  apiKeyId: string | null;
};

/**
 * Names whose share of the service an identity uses: that of its API key, on whosever behalf the key acts, or that of its token's
 * subject.
 */
export const shareOf = ({ apiKeyId, userId, actor }: Pick<Identity, 'apiKeyId' | 'userId' | 'actor'>): string =>
  apiKeyId === null ? `${actor.type} ${userId ?? actor.id}` : `key ${apiKeyId}`;

/** The identity behind one operation, and where the request came from. */
export type Caller = Identity & { requestContext: RequestContext };

/**
 * Who acted: the log's snapshot or, if the log has none yet, the caller if they are the same. Of anyone else only the userId is
 * known, which does not make an actor.
 */
export const actorKnownTo = (caller: Caller, snapshot: Actor | null | undefined, userId: string | null): Actor | null =>
  snapshot ?? (userId !== null && userId === caller.userId ? caller.actor : null);

/** An admin has every role; anyone else only those that they were given. */
export const hasRole = ({ roles }: Pick<Identity, 'roles'>, required: Role): boolean =>
  roles.includes('ADMIN') || roles.includes(required);
