import { systemActor } from '../../access/model/actor.ts';
import type { OwnEventDraft } from './own-event-types.ts';

/** Declares in the log that events never reached it, so that delivered + declared lost = produced. */
export const auditLoss = ({
  reason,
  count,
  since,
  until,
}: {
  reason: string;
  count: number;
  since: Date;
  until: Date;
}): OwnEventDraft<'audit.loss'> => ({
  eventType: 'audit.loss',
  actor: systemActor,
  resource: { type: 'audit_log', id: 'audit_log' },
  result: 'FAILURE',
  errorMessage: reason,
  description: `${count} audit ${count === 1 ? 'event was' : 'events were'} lost between ${since.toISOString()} and ${until.toISOString()}: ${reason}`,
  metadata: { count, reason, since: since.toISOString(), until: until.toISOString() },
});
