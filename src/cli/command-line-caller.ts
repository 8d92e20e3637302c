import { InvalidArgumentError } from 'commander';
import type { Caller } from '../access/model/actor.ts';
import { text } from '../kernel/text.ts';

const idSchema = text(1, 255);

/**
 * A command at work for somebody. It has the database, so it may do everything. Nobody has proved who they are, so the actor is
 * the command; for whom it acts is in the actor's name, in `adminUserId`, and wherever a userId is kept.
 */
export const commandLineCaller = (command: 'import' | 'export', userId: string): Caller => ({
  actor: { type: 'SERVICE_ACCOUNT', id: `flagtrail-${command}`, name: `flagtrail ${command}, for ${userId}`, email: null },
  userId,
  roles: ['ADMIN'],
  sessionId: null,
  expiresAt: null,
  apiKeyId: null,
  requestContext: { ipAddress: null, userAgent: `flagtrail ${command}`, requestId: null, sessionId: null, apiKeyId: null },
});

/** For an option that names a user; throws what commander shows. */
export const parseUserId = (id: string): string => {
  const parsed = idSchema.safeParse(id);
  if (!parsed.success) throw new InvalidArgumentError('allowed: 1 to 255 characters');
  return parsed.data;
};
