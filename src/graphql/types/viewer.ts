import type { Actor, Caller } from '../../access/model/actor.ts';
import { builder, requires } from '../builder.ts';
import { ActorType, Role } from './access.ts';

export const ActorRef = builder.objectRef<Actor>('Actor').implement({
  description: 'Who acted, as known at that moment. It stays as it is when the person changes or leaves.',
  fields: (t) => ({
    type: t.field({ type: ActorType, description: 'The kind of actor.', resolve: ({ type }) => type }),
    id: t.exposeString('id', {
      description:
        "The token's subject, the API key's id, or the userId of the person for whom a key speaks. `system` is Flagtrail itself, `unknown` a token without a subject.",
    }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'Their name, from the token, the API key or the application that recorded the event.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      description: 'Their email address, from the token or the application that recorded the event.',
    }),
  }),
});

/** Cost of a field that looks up an actor in the log, once for a whole page. */
export const loggedActor = { extensions: { weight: 5 } };

const Viewer = builder.objectRef<Caller>('Viewer').implement({
  description: 'The caller of this request.',
  fields: (t) => ({
    actor: t.field({
      type: ActorRef,
      description: 'The actor that the audit log names for the caller.',
      resolve: ({ actor }) => actor,
    }),
    roles: t.field({ type: [Role], description: 'What the caller may do.', resolve: ({ roles }) => [...roles] }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    description: 'The caller: who the token or API key speaks for.',
    ...requires(null),
    resolve: (_root, _args, { caller }) => caller,
  }),
);
