import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { errorType } from '../../graphql/types/error-types.ts';
import { type Erasure, erasePersonSchema, PersonNotFoundError } from '../model/person-erased.ts';

const PersonErasure = builder.objectRef<Erasure>('PersonErasure').implement({
  description: "An erasure of a person's data from the audit log.",
  fields: (t) => ({
    actorId: t.exposeString('actorId', { description: 'The id of the person, as an actor. It stays in the log.' }),
    erasedAt: t.field({
      type: 'DateTime',
      description: 'When it was erased. What the person did later has personal data again, until it is erased anew.',
      resolve: ({ erasedAt }) => erasedAt,
    }),
    events: t.exposeInt('events', { description: 'How many events of the person the log had whose personal data is erased.' }),
    notErasable: t.exposeInt('notErasable', {
      description:
        'How many events of the person keep their personal data: a release before erasure wrote it into the entry itself, which nobody can change. Prune them once they are old enough.',
    }),
  }),
});

errorType(PersonNotFoundError, 'The log has no event of an actor with that id.', (t) => ({
  actorId: t.exposeString('actorId', { description: 'The id that was asked for.' }),
}));

const ErasePersonInput = builder.inputType('ErasePersonInput', {
  description: 'Whose personal data to erase, and why.',
  fields: (t) => ({
    actorId: t.string({ required: true, description: "The person's id, as `actor.id` of their events has it." }),
    reason: t.string({
      required: true,
      description:
        'Why, for the log: 1–1,000 characters, for example the number of the request. It stays in the log, so it must not hold personal data.',
    }),
  }),
});

mutation('erasePerson', {
  type: PersonErasure,
  description:
    "Erases a person's data from the audit log, for good: name, e-mail address, IP address, user agent and session id in all events of that actor, also in those that are still on their way into the log; and what applications wrote about the person in their own words (details, previous and new value, description, error message, states and changes). The id and what happened to which flag stay, and the log's proofs go on holding. The API shows none of it from now on. Copies elsewhere, such as exports and CloudWatch Logs, are out of reach. Repeating it changes nothing.",
  input: { type: ErasePersonInput, schema: erasePersonSchema, description: 'Whose data, and why.' },
  errors: [PersonNotFoundError],
  run: ({ app, caller }, input) => app.erasePerson(caller, input),
});
