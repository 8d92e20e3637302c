import { builder, requires } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { mutation } from '../../graphql/mutation.ts';
import { createFlagSchema, deleteFlagSchema, type Flag } from '../model/flag.ts';
import {
  EmergencyOverrideActiveError,
  FlagAlreadyExistsError,
  FlagArchivedError,
  FlagNotFoundError,
  FlagVersionConflictError,
} from '../model/flag-errors.ts';
import { setFlagStatusSchema } from '../model/set-flag-status.ts';
import { updateFlagSchema } from '../model/update-flag.ts';
import { FlagRef } from './flag.ts';
import { FlagOrder, FlagType } from './flag-enums.ts';
import './flag-error-types.ts';
import { VariantInput } from './flag-inputs.ts';
import { FlagConnection, FlagEdge, FlagFilterInput, resolveFlags } from './flag-list.ts';

/** The flags that an operation has viewed. A flag that it names several times is recorded as viewed once. */
const viewedBy = new WeakMap<Context, Set<string>>();

const recordViewOnce = (context: Context, flag: Flag): void => {
  const viewed = viewedBy.get(context) ?? new Set();
  viewedBy.set(context, viewed);
  if (viewed.has(flag.id)) return;
  viewed.add(flag.id);
  context.app.recordFlagViewed(context.caller, flag);
};

builder.queryFields((t) => ({
  flag: t.field({
    type: FlagRef,
    nullable: true,
    description: 'One flag; null if none has that key.',
    args: { key: t.arg.string({ required: true, description: "The flag's key." }) },
    ...requires('AUDITOR'),
    resolve: async (_root, { key }, context) => {
      const flag = await context.app.flags.find(key);
      if (flag) recordViewOnce(context, flag);
      return flag;
    },
  }),
  flags: t.connection(
    {
      type: FlagRef,
      description: 'Flags, in the order of their keys unless `order` says otherwise.',
      args: {
        filter: t.arg({ type: FlagFilterInput, description: 'Only these flags.' }),
        order: t.arg({
          type: FlagOrder,
          defaultValue: 'KEY_A_TO_Z',
          description: 'The order. A cursor works only in lists that are ordered by the same field, in either direction.',
        }),
      },
      ...requires('AUDITOR'),
      resolve: (_root, args, { app }) => resolveFlags(app.flags, args),
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
      description:
        'The key that applications use: 1–128 letters, digits, and . _ / -, starting with a letter or digit. It never changes.',
    }),
    name: t.string({ required: true, description: 'Its name, for people: 1–255 characters.' }),
    description: t.string({ description: 'What it is for: up to 4,000 characters.' }),
    type: t.field({ type: FlagType, defaultValue: 'BOOLEAN', description: "The type of its variants' values." }),
    variants: t.field({
      type: [VariantInput],
      description:
        'The values that it can give: up to 100, and 64 KiB of JSON in all. Without any, a boolean flag has `on` (true) and `off` (false). A flag of another type needs variants before it can have a default variant, rules, overrides or an experiment.',
    }),
    tags: t.stringList({ description: 'Words to find it by: up to 50, of 1–64 characters each.' }),
  }),
});

const expectedVersion = 'Change it only if the flag itself is still at this version.';

const UpdateFlagInput = builder.inputType('UpdateFlagInput', {
  description:
    "A change of a flag's name, description, variants or tags: at least one of them. A field that is absent stays as it is.",
  fields: (t) => ({
    flagKey: t.string({ required: true, description: "The flag's key." }),
    name: t.string({ description: 'Its name, for people: 1–255 characters.' }),
    description: t.string({ description: 'What it is for: up to 4,000 characters. Empty text removes it.' }),
    variants: t.field({
      type: [VariantInput],
      description:
        'All its variants. They replace the existing ones, and must include every variant that its states and open schedules use. They cannot change while an emergency override holds the flag.',
    }),
    tags: t.stringList({ description: 'All its tags. They replace the existing ones.' }),
    expectedVersion: t.int({ description: expectedVersion }),
  }),
});

const FlagStatusInput = builder.inputType('SetFlagStatusInput', {
  description: 'Which flag.',
  fields: (t) => ({
    flagKey: t.string({ required: true, description: "The flag's key." }),
    expectedVersion: t.int({ description: expectedVersion }),
  }),
});

const DeleteFlagInput = builder.inputType('DeleteFlagInput', {
  description: 'Which flag to delete.',
  fields: (t) => ({ flagKey: t.string({ required: true, description: "The flag's key." }) }),
});

mutation('createFlag', {
  type: FlagRef,
  description: 'Creates a flag. In each environment it starts disabled and at full rollout, so that enabling it is one change.',
  input: { type: CreateFlagInput, schema: createFlagSchema, description: 'The flag.' },
  errors: [FlagAlreadyExistsError],
  run: ({ app, caller }, input) => app.createFlag(caller, input),
});

mutation('updateFlag', {
  type: FlagRef,
  description:
    "Changes a flag's name, description, variants or tags, and records it as one event. If nothing changes, no event is recorded.",
  input: { type: UpdateFlagInput, schema: updateFlagSchema, description: 'The change.' },
  errors: [FlagNotFoundError, FlagArchivedError, FlagVersionConflictError, EmergencyOverrideActiveError],
  run: ({ app, caller }, input) => app.updateFlag(caller, input),
});

mutation('deleteFlag', {
  type: FlagRef,
  description:
    'Deletes a flag with all its states, and cancels its open schedules with the reason flag_deleted. Returns the flag as it was; `cancelledByDeletion` lists the schedules.',
  input: { type: DeleteFlagInput, schema: deleteFlagSchema, description: 'Which flag.' },
  errors: [FlagNotFoundError, EmergencyOverrideActiveError],
  run: ({ app, caller }, input) => app.deleteFlag(caller, input),
});

const statusMutations = {
  deprecateFlag: { status: 'DEPRECATED', description: 'Marks a flag as deprecated. It still works.' },
  archiveFlag: {
    status: 'ARCHIVED',
    description:
      'Archives a flag: it is off in all environments, and cannot be changed until it is ACTIVE again. Select `openSchedules` to see which schedules will fail.',
  },
  activateFlag: {
    status: 'ACTIVE',
    description: 'Makes a deprecated or archived flag active again. Its states are as they were before.',
  },
} as const;

for (const [name, { status, description }] of Object.entries(statusMutations)) {
  mutation(name, {
    type: FlagRef,
    description,
    input: { type: FlagStatusInput, schema: setFlagStatusSchema, description: 'Which flag.' },
    errors: [FlagNotFoundError, FlagVersionConflictError, EmergencyOverrideActiveError],
    run: ({ app, caller }, input) => app.setFlagStatus(caller, input, status),
  });
}
