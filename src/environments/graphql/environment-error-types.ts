import { errorType } from '../../graphql/types/error-types.ts';
import {
  EnvironmentAlreadyExistsError,
  EnvironmentDisabledError,
  EnvironmentNotEmptyError,
  EnvironmentNotFoundError,
} from '../model/environment-errors.ts';

errorType(EnvironmentNotFoundError, 'No environment has that key.', (t) => ({
  environment: t.exposeString('environment', { description: 'The key that was asked for.' }),
}));

errorType(EnvironmentAlreadyExistsError, 'An environment with that key already exists.', (t) => ({
  environment: t.exposeString('environment', { description: 'The key that is taken.' }),
}));

errorType(
  EnvironmentDisabledError,
  'The environment is disabled: schedules cannot be created, edited or applied in it until an admin enables it.',
  (t) => ({
    environment: t.exposeString('environment', { description: "The environment's key." }),
  }),
);

errorType(EnvironmentNotEmptyError, 'The environment is in use: something is set or scheduled in it.', (t) => ({
  environment: t.exposeString('environment', { description: "The environment's key." }),
  changedFlags: t.exposeInt('changedFlags', { description: "How many flags have a state that differs from a new flag's." }),
  openSchedules: t.exposeInt('openSchedules', { description: 'How many open schedules it has.' }),
}));
