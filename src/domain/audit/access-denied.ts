import type { Caller } from '../access/actor.ts';
import { attributedTo } from './attribution.ts';
import type { EventDraft } from './audit-event.ts';

/** A caller lacked the role that an operation takes. */
export const accessDenied = (
  caller: Caller,
  { operation, requiredRole }: { operation: string; requiredRole: string },
): EventDraft<'access.denied'> => ({
  eventType: 'access.denied',
  ...attributedTo(caller),
  resource: { type: 'operation', id: operation },
  result: 'DENIED',
  errorMessage: `the role ${requiredRole} is required`,
  description: `Access to ${operation} was denied: the role ${requiredRole} is required`,
  metadata: { operation, requiredRole },
});
