import { z } from 'zod';
import { type Caller, systemActor } from '../../access/model/actor.ts';
import { DomainError } from '../../kernel/errors.ts';
import { text } from '../../kernel/text.ts';
import { adminFields, attributedTo } from './attribution.ts';
import type { OwnEventDraft } from './own-event-types.ts';

export const erasePersonSchema = z.object({
  actorId: text(1, 2000).refine(
    (id) => id !== systemActor.id,
    `must be the id of a person: '${systemActor.id}' is Flagtrail itself`,
  ),
  reason: text(1, 1000),
});
export type ErasePerson = z.infer<typeof erasePersonSchema>;

/** An erasure of a person's data. */
export type Erasure = {
  actorId: string;
  erasedAt: Date;
  /** How many events of the person the log had whose personal data could be erased. */
  events: number;
  /** How many it had that keep it, because older releases wrote it into the entry itself. */
  notErasable: number;
};

export class PersonNotFoundError extends DomainError {
  readonly code = 'PERSON_NOT_FOUND';
  readonly actorId: string;
  constructor(actorId: string) {
    super(`The log has no event of an actor with the id '${actorId}'`);
    this.actorId = actorId;
  }
}

/** Records an erasure. An admin who erases their own data leaves none of it here. */
export const personErased = (admin: Caller, erasure: Erasure, reason: string): OwnEventDraft<'person.erased'> => {
  const { actorId, events, notErasable } = erasure;
  return {
    eventType: 'person.erased',
    ...attributedTo(admin.actor.id === actorId ? withoutPerson(admin) : admin),
    resource: { type: 'person', id: actorId },
    description: `The personal data of '${actorId}' was erased from ${events} ${events === 1 ? 'event' : 'events'}: ${reason}`,
    allEnvironments: true,
    metadata: { actorId, reason, events, notErasable, ...adminFields(admin.actor.id === actorId ? withoutPerson(admin) : admin) },
  };
};

const withoutPerson = (caller: Caller): Caller => ({
  ...caller,
  actor: { ...caller.actor, name: null, email: null },
  requestContext: { ...caller.requestContext, ipAddress: null, userAgent: null, sessionId: null },
});
