import { errorType } from '../../graphql/types/error-types.ts';
import {
  EnvironmentAlreadyExistsError,
  EnvironmentDisabledError,
  EnvironmentNotEmptyError,
  EnvironmentNotFoundError,
} from '../model/environment-errors.ts';

errorType(EnvironmentNotFoundError, 'There is no environment of that key.', (t) => ({
  environment: t.exposeString('environment', { description: 'The key that was asked for.' }),
}));

errorType(EnvironmentAlreadyExistsError, 'There is an environment of that key already.', (t) => ({
  environment: t.exposeString('environment', { description: 'The key that is taken.' }),
}));

errorType(EnvironmentDisabledError, 'The environment is disabled: it takes no new schedules until somebody enables it.', (t) => ({
  environment: t.exposeString('environment', { description: "The environment's key." }),
}));

errorType(EnvironmentNotEmptyError, 'The environment is in use: something is set or scheduled in it.', (t) => ({
  environment: t.exposeString('environment', { description: "The environment's key." }),
  changedFlags: t.exposeInt('changedFlags', { description: 'How many flags differ there from a new flag.' }),
  openSchedules: t.exposeInt('openSchedules', { description: 'How many schedules there can still become due.' }),
}));
