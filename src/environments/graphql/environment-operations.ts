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
        'The key that other fields and arguments refer to it by: 1–64 letters, digits, _ and -, starting with a letter or digit. It never changes.',
    }),
    name: t.string({ required: true, description: 'Its name, for people: 1–255 characters.' }),
  }),
});

const UpdateEnvironmentInput = builder.inputType('UpdateEnvironmentInput', {
  description: 'A new name for an environment.',
  fields: (t) => ({
    key: t.string({ required: true, description: "The environment's key. The key itself cannot change." }),
    name: t.string({ required: true, description: 'Its name, for people: 1–255 characters.' }),
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
  description: `Creates an environment, which starts enabled. Every flag starts in it like a new flag: disabled, at full rollout. There can be at most ${maxEnvironments} environments.`,
  input: { type: CreateEnvironmentInput, schema: createEnvironmentSchema, description: 'The environment.' },
  errors: [EnvironmentAlreadyExistsError],
  run: ({ app, caller }, input) => app.createEnvironment(caller, input),
});

mutation('updateEnvironment', {
  type: EnvironmentType,
  description: 'Renames an environment. If nothing changes, no event is recorded.',
  input: { type: UpdateEnvironmentInput, schema: updateEnvironmentSchema, description: 'The change.' },
  errors: [EnvironmentNotFoundError],
  run: ({ app, caller }, input) => app.updateEnvironment(caller, input),
});

mutation('deleteEnvironment', {
  type: EnvironmentType,
  description:
    "Deletes an empty environment, and returns it as it was. It is empty if it has no open schedules and each flag in it is like a new flag (only the default variant may differ). Its past schedules and events stay. `production` and the service's DEFAULT_ENVIRONMENT cannot be deleted.",
  input: { type: DeleteEnvironmentInput, schema: environmentKeySchema, description: 'Which environment.' },
  errors: [EnvironmentNotFoundError, EnvironmentNotEmptyError],
  run: ({ app, caller }, input) => app.deleteEnvironment(caller, input),
});

const switches = {
  enableEnvironment: {
    enabled: true,
    description:
      'Enables an environment. Schedules that failed while it was disabled are applied at their next retry, if they have one left.',
  },
  disableEnvironment: {
    enabled: false,
    description:
      'Disables an environment: no schedules can be created in it, and those that become due fail. They are retried as often as their `maxRetries` allows. Admins can still change flags in it directly. Select `openSchedules` to see what will fail.',
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
