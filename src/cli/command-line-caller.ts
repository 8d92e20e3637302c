import { InvalidArgumentError } from 'commander';
import type { Caller } from '../domain/access/actor.ts';
import { text } from '../domain/text.ts';

const idSchema = text(1, 255);

/** Whoever runs a command: it has the database, so it may do everything. The log names the user, and the command as user agent. */
export const commandLineCaller = (userId: string, userAgent: string): Caller => ({
  actor: { type: 'USER', id: userId, name: null, email: null },
  userId,
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
  requestContext: { ipAddress: null, userAgent, requestId: null, sessionId: null, apiKeyId: null },
});

/** For an option that names a user; throws what commander shows. */
export const parseUserId = (id: string): string => {
  const parsed = idSchema.safeParse(id);
  if (!parsed.success) throw new InvalidArgumentError('allowed: 1 to 255 characters');
  return parsed.data;
};
