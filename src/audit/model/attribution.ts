import { z } from 'zod';
import type { Caller } from '../../access/model/actor.ts';

/** Who did it, and from where: the fields that every event of a caller has. */
export const attributedTo = (caller: Caller) => ({ actor: caller.actor, requestContext: caller.requestContext });

/** The metadata fields that name the admin, as event types declare them. */
export const adminMetadata = { adminUserId: z.string().nullable(), adminEmail: z.string().nullable() };

/** The same fields of one event. */
export const adminFields = (admin: Caller) => ({ adminUserId: admin.userId, adminEmail: admin.actor.email });
