import type { Actor, Caller } from '../../access/model/actor.ts';
import { builder, requires } from '../builder.ts';
import { ActorType, Role } from './access.ts';

export const ActorRef = builder.objectRef<Actor>('Actor').implement({
  description: 'Who acted, as known at that moment: it stays when the person is gone.',
  fields: (t) => ({
    type: t.field({ type: ActorType, description: 'What kind of actor.', resolve: ({ type }) => type }),
    id: t.exposeString('id', {
      description:
        "The token's subject, the API key's id, or the person whom a key speaks for; `system` for Flagtrail itself, `unknown` for a token without a subject.",
    }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'Their name, as the token, the API key or the application that recorded it has it.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      description: 'Their address, as the token or the application that recorded it has it.',
    }),
  }),
});

/** A snapshot is looked up in the log, for a whole page at once. */
export const loggedActor = { extensions: { weight: 5 } };

const Viewer = builder.objectRef<Caller>('Viewer').implement({
  description: 'Who is asking.',
  fields: (t) => ({
    actor: t.field({ type: ActorRef, description: 'As whom the audit log will name the caller.', resolve: ({ actor }) => actor }),
    roles: t.field({ type: [Role], description: 'What the caller may do.', resolve: ({ roles }) => [...roles] }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    description: 'Who the token or API key speaks for.',
    ...requires(null),
    resolve: (_root, _args, { caller }) => caller,
  }),
);
