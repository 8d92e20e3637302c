import { builder } from '../../graphql/builder.ts';
import { mutation } from '../../graphql/mutation.ts';
import { createEnvironmentSchema, environmentKeySchema, maxEnvironments, updateEnvironmentSchema } from '../model/environment.ts';
import {
  EnvironmentAlreadyExistsError,
  EnvironmentNotEmptyError,
  EnvironmentNotFoundError,
} from '../model/environment-errors.ts';
import { EnvironmentType } from './environment.ts';
import './environment-error-types.ts';

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

mutation('createEnvironment', {
  type: EnvironmentType,
  description: `Creates an environment, enabled. Every flag starts in it as a new flag does: disabled, at full rollout. At most ${maxEnvironments} are allowed.`,
  input: { type: CreateEnvironmentInput, schema: createEnvironmentSchema, description: 'The environment.' },
  errors: [EnvironmentAlreadyExistsError],
  run: ({ app, caller }, input) => app.createEnvironment(caller, input),
});

mutation('updateEnvironment', {
  type: EnvironmentType,
  description: 'Renames an environment. What changes nothing is not recorded.',
  input: { type: UpdateEnvironmentInput, schema: updateEnvironmentSchema, description: 'The change.' },
  errors: [EnvironmentNotFoundError],
  run: ({ app, caller }, input) => app.updateEnvironment(caller, input),
});

mutation('deleteEnvironment', {
  type: EnvironmentType,
  description:
    'Deletes an empty environment, and returns it as it was. Empty: no open schedules, and each flag in it is as a new flag is, a default variant left aside. What was scheduled and recorded for it stays. `production` and the DEFAULT_ENVIRONMENT of the service cannot be deleted.',
  input: { type: DeleteEnvironmentInput, schema: environmentKeySchema, description: 'Which environment.' },
  errors: [EnvironmentNotFoundError, EnvironmentNotEmptyError],
  run: ({ app, caller }, input) => app.deleteEnvironment(caller, input),
});

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
  mutation(name, {
    type: EnvironmentType,
    description,
    input: { type: EnvironmentInput, schema: environmentKeySchema, description: 'Which environment.' },
    errors: [EnvironmentNotFoundError],
    run: ({ app, caller }, input) => app.setEnvironmentEnabled(caller, input, enabled),
  });
}
