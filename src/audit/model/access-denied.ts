import { type Caller, shareOf } from '../../access/model/actor.ts';
import { type More, makeThrottle } from '../../kernel/limits/throttle.ts';
import { attributedTo } from './attribution.ts';
import type { OwnEventDraft } from './own-event-types.ts';

type Denied = { operation: string; requiredRole: string };

/** A caller lacked the role that an operation takes; `more`: not only this once, see `makeDenials`. */
const accessDenied = (
  caller: Caller,
  { operation, requiredRole }: Denied,
  more: More | null = null,
): OwnEventDraft<'access.denied'> => ({
  eventType: 'access.denied',
  ...attributedTo(caller),
  resource: { type: 'operation', id: operation },
  result: 'DENIED',
  errorMessage: `the role ${requiredRole} is required`,
  description: more
    ? `Access was denied ${more.count} more times from ${more.since.toISOString()} to ${more.until.toISOString()}, the last time to ${operation}: the role ${requiredRole} is required`
    : `Access to ${operation} was denied: the role ${requiredRole} is required`,
  metadata: {
    operation,
    requiredRole,
    ...(more && { more: more.count, since: more.since.toISOString(), until: more.until.toISOString() }),
  },
});

/** Events of one caller in a minute: more than an application has operations. */
const atOnce = 100;
const windowMs = 60_000;
const maxCallers = 10_000;

/**
 * What the log says of refused operations. Who asks without end must not fill it: of each caller, an API key or a token's
 * actor, 100 a minute have an event of their own; when the minute is over, one more event counts the rest.
 */
export const makeDenials = ({ record, now }: { record: (draft: OwnEventDraft<'access.denied'>) => void; now: () => Date }) => {
  const { note, sweep, flush } = makeThrottle<{ caller: Caller; denied: Denied }>({
    now,
    atOnce,
    windowMs,
    maxKeys: maxCallers,
    tell: ({ caller, denied }) => record(accessDenied(caller, denied)),
    tellMore: ({ caller, denied }, more) => record(accessDenied(caller, denied, more)),
  });
  return { note: (caller: Caller, denied: Denied) => note(shareOf(caller), { caller, denied }), sweep, flush };
};
