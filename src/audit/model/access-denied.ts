import { type Caller, shareOf } from '../../access/model/actor.ts';
import { type More, makeThrottle } from '../../kernel/limits/throttle.ts';
import { attributedTo } from './attribution.ts';
import type { OwnEventDraft } from './own-event-types.ts';

type Denied = { operation: string; requiredRole: string };

/** The event of a refused caller. `more` counts further refusals, see `makeDenials`. */
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

/** How many refusals of one caller get an event of their own in a minute: more than an application has operations. */
const atOnce = 100;
const windowMs = 60_000;
const maxCallers = 10_000;

/**
 * Records refused operations. A caller that keeps asking must not fill the log: for each API key or token's actor, 100 refusals a
 * minute get an event of their own, and one more event counts the rest when the minute is over.
 */
export const makeDenials = ({ record, now }: { record: (draft: OwnEventDraft<'access.denied'>) => void; now: () => Date }) => {
  const { note, sweep, flush } = makeThrottle<{ caller: Caller; denied: Denied }>({
    now,
    atOnce,
    windowMs,
    maxKeys: maxCallers,
    report: ({ caller, denied }) => record(accessDenied(caller, denied)),
    reportMore: ({ caller, denied }, more) => record(accessDenied(caller, denied, more)),
  });
  return { note: (caller: Caller, denied: Denied) => note(shareOf(caller), { caller, denied }), sweep, flush };
};
