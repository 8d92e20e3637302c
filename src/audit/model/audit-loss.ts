import { systemActor } from '../../access/model/actor.ts';
import { toStorableText } from '../../kernel/text.ts';
import type { OwnEventDraft } from './own-event-types.ts';

/** How long a name in a loss can be: names come from entries of which we know nothing. */
const maxNameLength = 200;

/** What a loss says of an event, read from what the outbox was to take. */
export const nameOfEntry = (entry: string): { id: string; eventType: string } => {
  try {
    const { id, eventType } = JSON.parse(entry.split('\n', 1)[0] ?? '');
    return { id: toName(id), eventType: toName(eventType) };
  } catch {
    return { id: toName(null), eventType: toName(null) };
  }
};
const toName = (value: unknown): string => (typeof value === 'string' ? toStorableText(value, maxNameLength) : 'unknown');

/** Declares in the log that events never reached it, so that delivered + declared lost = produced. */
export const auditLoss = ({
  reason,
  count,
  since,
  until,
  events = [],
}: {
  reason: string;
  count: number;
  since: Date;
  until: Date;
  /** Those of them that are known by name. */
  events?: readonly { id: string; eventType: string }[];
}): OwnEventDraft<'audit.loss'> => ({
  eventType: 'audit.loss',
  actor: systemActor,
  resource: { type: 'audit_log', id: 'audit_log' },
  result: 'FAILURE',
  errorMessage: reason,
  description: `${count} audit ${count === 1 ? 'event was' : 'events were'} lost between ${since.toISOString()} and ${until.toISOString()}: ${reason}`,
  metadata: {
    count,
    reason,
    since: since.toISOString(),
    until: until.toISOString(),
    ...(events.length > 0 && { events: [...events], more: count - events.length }),
  },
});
