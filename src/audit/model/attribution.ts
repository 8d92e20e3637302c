import type { Caller } from '../../access/model/actor.ts';

/** Who did it, and from where: the fields that every event of a caller has. */
export const attributedTo = (caller: Caller) => ({ actor: caller.actor, requestContext: caller.requestContext });

/** The metadata fields that name the admin. */
export const adminFields = (admin: Caller) => ({ adminUserId: admin.userId, adminEmail: admin.actor.email });
