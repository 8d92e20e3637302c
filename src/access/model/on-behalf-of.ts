import { isStorableText } from '../../kernel/text.ts';
import type { Identity } from './actor.ts';

/** A request does not say properly on whose behalf it acts. Its sender can see the message. */
export class OnBehalfOfError extends Error {
  override readonly name = 'OnBehalfOfError';
}

/** As for a token's subject: `created_by` and `cancelled_by` hold at most this many characters (code points). */
const maxUserIdLength = 255;

/**
 * The identity with the person on whose behalf an API key acts as its actor. Every key can do this, because it gives no rights:
 * the roles stay the key's own, and every event names the key, too. If `userId` is undefined or null, the identity stays as it
 * is. Throws an OnBehalfOfError if the userId cannot be stored, and for a JWT: it has a person of its own, and ignoring `userId`
 * would attribute one person's action to another.
 */
export const actingFor = (identity: Identity, userId: unknown): Identity => {
  if (userId === undefined || userId === null) return identity;
  if (identity.apiKeyId === null)
    throw new OnBehalfOfError('only an API key may speak on behalf of a person: a JWT speaks for its subject');
  if (typeof userId !== 'string' || userId === '')
    throw new OnBehalfOfError('the userId to act on behalf of must be text that is not empty');
  if ([...userId].length > maxUserIdLength) {
    throw new OnBehalfOfError(`the userId to act on behalf of has more than ${maxUserIdLength} characters`);
  }
  if (!isStorableText(userId)) throw new OnBehalfOfError('the userId to act on behalf of contains NUL or a lone surrogate');
  return { ...identity, actor: { type: 'USER', id: userId, name: null, email: null }, userId };
};
