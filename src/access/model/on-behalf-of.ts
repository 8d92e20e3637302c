import { isStorableText } from '../../kernel/text.ts';
import type { Identity } from './actor.ts';

/** Whom a request says that it speaks for cannot be told. The message may be shown to its sender. */
export class OnBehalfOfError extends Error {
  override readonly name = 'OnBehalfOfError';
}

/** As for a token's subject: `created_by` and `cancelled_by` hold no more, in characters (code points). */
const maxUserIdLength = 255;

/**
 * The identity with the person that an API key speaks for as its actor. Any key may: it gives no rights, because the roles
 * stay the key's own, and every event names the key beside the person. `userId` undefined or null: nobody is named. Throws an
 * OnBehalfOfError for a person that cannot be kept, and with a JWT, which has a person of its own: to overlook the name would
 * attribute to one what another did.
 */
export const actingFor = (identity: Identity, userId: unknown): Identity => {
  if (userId === undefined || userId === null) return identity;
  if (identity.apiKeyId === null)
    throw new OnBehalfOfError('only an API key may speak on behalf of a person: a JWT speaks for its subject');
  if (typeof userId !== 'string' || userId === '')
    throw new OnBehalfOfError('on behalf of whom must be a userId: text that is not empty');
  if ([...userId].length > maxUserIdLength) {
    throw new OnBehalfOfError(`the userId to act on behalf of has more than ${maxUserIdLength} characters`);
  }
  if (!isStorableText(userId)) throw new OnBehalfOfError('the userId to act on behalf of holds NUL or a lone surrogate');
  return { ...identity, actor: { type: 'USER', id: userId, name: null, email: null }, userId };
};
