import { InvalidArgumentError } from 'commander';
import type { Caller } from '../access/model/actor.ts';
import { text } from '../kernel/text.ts';

const idSchema = text(1, 255);

/**
 * The caller of a command that changes flags. Access to the database allows everything. The user's identity is not proved, so
 * the actor is the command; the user is in the actor's name, in `adminUserId`, and in every field that holds a userId.
 */
export const commandLineCaller = (command: 'import' | 'export' | 'log' | 'prune', userId: string): Caller => ({
  actor: { type: 'SERVICE_ACCOUNT', id: `flagtrail-${command}`, name: `flagtrail ${command}, for ${userId}`, email: null },
  userId,
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
  requestContext: { ipAddress: null, userAgent: `flagtrail ${command}`, requestId: null, sessionId: null, apiKeyId: null },
});

/** Parses an option that names a user. Throws an InvalidArgumentError. */
export const parseUserId = (id: string): string => {
  const parsed = idSchema.safeParse(id);
  if (!parsed.success) throw new InvalidArgumentError('allowed: 1 to 255 characters');
  return parsed.data;
};
