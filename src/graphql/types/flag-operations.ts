import {
  EnvironmentNotFoundError,
  FlagAlreadyExistsError,
  FlagNotFoundError,
  ValidationError,
  VersionConflictError,
} from '../../domain/errors.ts';
import { createFlagSchema, deleteFlagSchema, type Flag, updateFlagStateSchema } from '../../domain/flag.ts';
import { builder, requires } from '../builder.ts';
import { decodeCursor, encodeCursor, resolvePage } from '../connection.ts';
import { FlagType } from './enums.ts';
import { FlagRef } from './flag.ts';
import { FlagStateType } from './flag-state.ts';

const FlagFilter = builder.inputType('FlagFilter', {
  description: 'Which flags; every field that is given must match.',
  fields: (t) => ({
    search: t.string({ description: 'Part of the key or the name, in any case.' }),
    type: t.field({ type: FlagType, description: 'Of this type.' }),
    tags: t.stringList({ description: 'With all of these tags.' }),
  }),
});

const FlagEdge = builder.edgeObject({ name: 'FlagEdge', description: 'A flag in a list.', type: FlagRef });
const FlagConnection = builder.connectionObject(
  { name: 'FlagConnection', description: 'A page of flags.', type: FlagRef },
  FlagEdge,
);

builder.queryFields((t) => ({
  flag: t.field({
    type: FlagRef,
    nullable: true,
    description: 'One flag; null for an unknown key.',
    args: { key: t.arg.string({ required: true, description: "The flag's key." }) },
    ...requires('AUDITOR'),
    resolve: (_root, { key }, { app }) => app.flags.find(key),
  }),
  flags: t.connection(
    {
      type: FlagRef,
      description: 'Flags, by key in alphabetical order.',
      args: { filter: t.arg({ type: FlagFilter, description: 'Only these flags.' }) },
      ...requires('AUDITOR'),
      resolve: (_root, args, { app }) =>
        resolvePage<Flag, string>({
          args,
          cursorOf: ({ key }) => encodeCursor('flag', key),
          parse: (cursor) => decodeCursor('flag', cursor),
          list: (slice) => app.flags.list(args.filter ?? {}, slice),
          count: () => app.flags.count(args.filter ?? {}),
        }),
    },
    FlagConnection,
    FlagEdge,
  ),
}));

const CreateFlagInput = builder.inputType('CreateFlagInput', {
  description: 'A new flag.',
  fields: (t) => ({
    key: t.string({
      required: true,
      description: 'What applications call it: 1–128 letters, digits, and . _ / -, a letter or digit first. It never changes.',
    }),
    name: t.string({ required: true, description: 'What people call it: 1–255 characters.' }),
    description: t.string({ description: 'What it is for: up to 4,000 characters.' }),
    type: t.field({ type: FlagType, defaultValue: 'BOOLEAN', description: 'What its variants hold.' }),
    tags: t.stringList({ description: 'Words to find it by: up to 50, of 1–64 characters each.' }),
  }),
});

export const FlagUpdatesInput = builder.inputType('FlagUpdatesInput', {
  description: 'What to change: at least one field.',
  fields: (t) => ({
    enabled: t.boolean({ description: 'Turn it on or off.' }),
    rolloutPercentage: t.int({ description: 'The share of evaluations that it reaches: 0–100.' }),
    defaultVariant: t.string({ description: 'The variant that is served where nothing else says so: 1–128 characters.' }),
  }),
});

const UpdateFlagStateInput = builder.inputType('UpdateFlagStateInput', {
  description: 'A change of a flag in one environment, now.',
  fields: (t) => ({
    flagKey: t.string({ required: true, description: "The flag's key." }),
    environment: t.string({ required: true, defaultValue: 'production', description: "The environment's key." }),
    updates: t.field({ type: FlagUpdatesInput, required: true, description: 'What to change.' }),
    expectedVersion: t.int({ description: 'Change it only if the state is still at this version.' }),
  }),
});

const DeleteFlagInput = builder.inputType('DeleteFlagInput', {
  description: 'Which flag to delete.',
  fields: (t) => ({ flagKey: t.string({ required: true, description: "The flag's key." }) }),
});

builder.mutationFields((t) => ({
  createFlag: t.field({
    type: FlagRef,
    description: 'Creates a flag. In each environment it starts disabled and at full rollout, so that enabling it is one change.',
    args: {
      input: t.arg({ type: CreateFlagInput, required: true, validate: { schema: createFlagSchema }, description: 'The flag.' }),
    },
    errors: { types: [FlagAlreadyExistsError, ValidationError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.createFlag(caller, input),
  }),
  updateFlagState: t.field({
    type: FlagStateType,
    description: 'Changes a flag in one environment, at once. What changes nothing is not recorded.',
    args: {
      input: t.arg({
        type: UpdateFlagStateInput,
        required: true,
        validate: { schema: updateFlagStateSchema },
        description: 'The change.',
      }),
    },
    errors: { types: [FlagNotFoundError, EnvironmentNotFoundError, VersionConflictError, ValidationError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.updateFlagState(caller, input),
  }),
  deleteFlag: t.field({
    type: FlagRef,
    description:
      'Deletes a flag and cancels its open schedules (reason flag_deleted). Returns the flag as it was; its states are gone.',
    args: {
      input: t.arg({ type: DeleteFlagInput, required: true, validate: { schema: deleteFlagSchema }, description: 'Which flag.' }),
    },
    errors: { types: [FlagNotFoundError, ValidationError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.deleteFlag(caller, input),
  }),
}));
