import { builder, requires } from '../../graphql/builder.ts';
import { ValidationError } from '../../kernel/errors.ts';
import { createEnvironmentSchema, environmentKeySchema, maxEnvironments, updateEnvironmentSchema } from '../model/environment.ts';
import {
  EnvironmentAlreadyExistsError,
  EnvironmentNotEmptyError,
  EnvironmentNotFoundError,
} from '../model/environment-errors.ts';
import { EnvironmentType } from './environment.ts';

const CreateEnvironmentInput = builder.inputType('CreateEnvironmentInput', {
  description: 'A new environment.',
  fields: (t) => ({
    key: t.string({
      required: true,
      description:
        'What other fields and arguments will call it: 1–64 letters, digits, _ and -, a letter or digit first. It never changes.',
    }),
    name: t.string({ required: true, description: 'What people call it: 1–255 characters.' }),
  }),
});

const UpdateEnvironmentInput = builder.inputType('UpdateEnvironmentInput', {
  description: 'A new name for an environment.',
  fields: (t) => ({
    key: t.string({ required: true, description: "The environment's key, which stays." }),
    name: t.string({ required: true, description: 'What people call it: 1–255 characters.' }),
  }),
});

const DeleteEnvironmentInput = builder.inputType('DeleteEnvironmentInput', {
  description: 'Which environment to delete.',
  fields: (t) => ({ key: t.string({ required: true, description: "The environment's key." }) }),
});

const EnvironmentInput = builder.inputType('SetEnvironmentEnabledInput', {
  description: 'Which environment.',
  fields: (t) => ({ key: t.string({ required: true, description: "The environment's key." }) }),
});

builder.mutationFields((t) => ({
  createEnvironment: t.field({
    type: EnvironmentType,
    description: `Creates an environment, enabled. Every flag starts in it as a new flag does: disabled, at full rollout. At most ${maxEnvironments} are allowed.`,
    args: {
      input: t.arg({
        type: CreateEnvironmentInput,
        required: true,
        validate: { schema: createEnvironmentSchema },
        description: 'The environment.',
      }),
    },
    errors: { types: [EnvironmentAlreadyExistsError, ValidationError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.createEnvironment(caller, input),
  }),
  updateEnvironment: t.field({
    type: EnvironmentType,
    description: 'Renames an environment. What changes nothing is not recorded.',
    args: {
      input: t.arg({
        type: UpdateEnvironmentInput,
        required: true,
        validate: { schema: updateEnvironmentSchema },
        description: 'The change.',
      }),
    },
    errors: { types: [EnvironmentNotFoundError, ValidationError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.updateEnvironment(caller, input),
  }),
  deleteEnvironment: t.field({
    type: EnvironmentType,
    description:
      'Deletes an empty environment, and returns it as it was. Empty: no open schedules, and each flag in it is as a new flag is, a default variant left aside. What was scheduled and recorded for it stays. `production` and the DEFAULT_ENVIRONMENT of the service cannot be deleted.',
    args: {
      input: t.arg({
        type: DeleteEnvironmentInput,
        required: true,
        validate: { schema: environmentKeySchema },
        description: 'Which environment.',
      }),
    },
    errors: { types: [EnvironmentNotFoundError, EnvironmentNotEmptyError, ValidationError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.deleteEnvironment(caller, input),
  }),
}));

const switches = {
  enableEnvironment: {
    enabled: true,
    description:
      'Enables an environment. Schedules that failed while it was disabled, and have retries left, apply with the next one.',
  },
  disableEnvironment: {
    enabled: false,
    description:
      'Disables an environment: it takes no new schedules, and due ones fail; they are tried again as often as their `maxRetries` says. Flags can still be changed in it by hand. Ask for `openSchedules` to see what will fail.',
  },
} as const;

for (const [name, { enabled, description }] of Object.entries(switches)) {
  builder.mutationField(name, (t) =>
    t.field({
      type: EnvironmentType,
      description,
      args: {
        input: t.arg({
          type: EnvironmentInput,
          required: true,
          validate: { schema: environmentKeySchema },
          description: 'Which environment.',
        }),
      },
      errors: { types: [EnvironmentNotFoundError, ValidationError] },
      ...requires('ADMIN'),
      resolve: (_root, { input }, { app, caller }) => app.setEnvironmentEnabled(caller, input, enabled),
    }),
  );
}
