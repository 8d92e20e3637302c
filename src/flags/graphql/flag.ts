import { GraphQLError } from 'graphql';
import { actorKnownTo } from '../../access/model/actor.ts';
import { AuditEventRef } from '../../audit/graphql/audit-event.ts';
import { AuditEventConnection, AuditEventEdge, auditEventArgs, resolveEvents } from '../../audit/graphql/audit-event-list.ts';
import { builder, mayHold64KiB } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { ActorRef, loggedActor } from '../../graphql/types/viewer.ts';
import type { Flag } from '../model/flag.ts';
import type { FlagState } from '../model/flag-state.ts';
import { type Variant, variantsOf } from '../model/variant.ts';
import { FlagStatus, FlagType } from './flag-enums.ts';
import { FlagStateType } from './flag-state.ts';

const VariantType = builder.objectRef<Variant>('Variant').implement({
  description: 'A value that a flag can give, with its key.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'Its key, which states, rules, overrides and experiments refer to.' }),
    value: t.field({
      type: 'JSON',
      nullable: true,
      description: 'The value that applications get.',
      resolve: ({ value }) => value,
    }),
  }),
});

/** What resolvers of a flag's fields get. Wings whose fields need more than the flag add to it. */
export interface FlagParent extends Flag {}

export const FlagRef = builder.objectRef<FlagParent>('Flag').implement({
  description: 'A feature flag.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID.' }),
    key: t.exposeString('key', { description: 'The key that applications use; it never changes.' }),
    name: t.exposeString('name', { description: 'Its name, for people.' }),
    description: t.exposeString('description', { nullable: true, description: 'What it is for.' }),
    type: t.field({ type: FlagType, description: "The type of its variants' values.", resolve: ({ type }) => type }),
    variants: t.field({
      type: [VariantType],
      description: 'The values that it can give. A boolean flag that was created without variants has `on` and `off`.',
      ...mayHold64KiB,
      resolve: variantsOf,
    }),
    status: t.field({
      type: FlagStatus,
      description: 'Whether it is active, deprecated or archived.',
      resolve: ({ status }) => status,
    }),
    version: t.exposeInt('version', {
      description:
        'Counts the changes of the flag itself, from 1. Send it as `expectedVersion` so that a change is refused if somebody else changed the flag first.',
    }),
    tags: t.exposeStringList('tags', { description: 'Words to find it by.' }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was created.', resolve: ({ createdAt }) => createdAt }),
    createdBy: t.exposeString('createdBy', {
      nullable: true,
      description: 'The userId of the admin who created it; null if it is not known.',
    }),
    createdByActor: t.field({
      type: ActorRef,
      nullable: true,
      description: 'Who created it, as known at that moment. Null until the event is in the log, which takes at most a second.',
      ...loggedActor,
      resolve: async ({ id, createdBy }, _args, { loaders, caller }) =>
        actorKnownTo(caller, await loaders.creatorOfFlag.load(id), createdBy),
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When the flag itself last changed. Changes of its states do not count.',
      resolve: ({ updatedAt }) => updatedAt,
    }),
    state: t.field({
      type: FlagStateType,
      nullable: true,
      description: 'Its state in one environment; null if no such environment exists.',
      args: { environment: t.arg.string({ required: true, defaultValue: 'production', description: "The environment's key." }) },
      resolve: async (flag, { environment }, { loaders }) =>
        (await statesOf(flag, loaders)).find((state) => state.environment === environment) ?? null,
    }),
    states: t.field({
      type: [FlagStateType],
      description: 'Its state in each environment.',
      // Fifty environments are allowed, but few installations have ten.
      extensions: { maxItems: 10 },
      resolve: (flag, _args, { loaders }) => statesOf(flag, loaders),
    }),
    history: t.connection(
      {
        type: AuditEventRef,
        description:
          'The audit events of this flag and its schedules, newest first. They include those of deleted flags with the same key.',
        args: auditEventArgs,
        resolve: ({ key }, args, { app }) => resolveEvents(app.log, args, { flagKey: key }),
      },
      AuditEventConnection,
      AuditEventEdge,
    ),
  }),
});

const statesOf = async (flag: Flag, { statesOf }: Context['loaders']) =>
  (await statesOf.load(flag.id)).map((state) => ({ ...state, flag }));

const flagOf = async ({ flagId, flag }: FlagState & { flag?: Flag }, { flagsById }: Context['loaders']): Promise<Flag> => {
  const found = flag ?? (await flagsById.load(flagId));
  if (found) return found;
  throw new GraphQLError('The flag was deleted meanwhile', { extensions: { code: 'FLAG_NOT_FOUND' } });
};

builder.objectFields(FlagStateType, (t) => ({
  flagKey: t.string({
    description: "The flag's key.",
    resolve: async (state, _args, { loaders }) => (await flagOf(state, loaders)).key,
  }),
  flag: t.field({
    type: FlagRef,
    description: 'The flag whose state this is.',
    // A state leads to its flag, and the flag to its states again. The cost is set too high, so that such circles end soon.
    extensions: { maxItems: 5 },
    resolve: (state, _args, { loaders }) => flagOf(state, loaders),
  }),
}));
