import { z } from 'zod';
import type { Caller } from '../../access/model/actor.ts';

/** Who acted, and from where: the fields that every event of a caller has. */
export const attributedTo = (caller: Caller) => ({ actor: caller.actor, requestContext: caller.requestContext });

/** The metadata fields that name the admin, for the declarations of event types. */
export const adminMetadata = { adminUserId: z.string().nullable(), adminEmail: z.string().nullable() };

/** The same fields with an admin's values. */
export const adminFields = (admin: Caller) => ({ adminUserId: admin.userId, adminEmail: admin.actor.email });
