import { errorType } from '../../graphql/types/error-types.ts';
import {
  EmergencyOverrideActiveError,
  EmergencyOverrideNotActiveError,
  ExperimentAlreadyRunningError,
  ExperimentNotRunningError,
  FlagAlreadyExistsError,
  FlagArchivedError,
  FlagNotFoundError,
  FlagOverrideAlreadyExistsError,
  FlagOverrideNotFoundError,
  FlagRuleAlreadyExistsError,
  FlagRuleNotFoundError,
  FlagVersionConflictError,
  VersionConflictError,
} from '../model/flag-errors.ts';
import { FlagRef } from './flag.ts';
import { OverrideType } from './flag-enums.ts';
import { FlagStateType } from './flag-state.ts';

errorType(FlagNotFoundError, 'No flag has that key.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: 'The key that was asked for.' }),
}));

errorType(FlagAlreadyExistsError, 'A flag with that key already exists.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: 'The key that is taken.' }),
}));

errorType(FlagArchivedError, 'The flag is archived: it cannot be changed until it is ACTIVE again.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
}));

errorType(FlagVersionConflictError, 'The flag has changed since the version that the caller expected.', (t) => ({
  expectedVersion: t.exposeInt('expectedVersion', { description: 'The version that the caller expected.' }),
  current: t.field({ type: FlagRef, description: 'The flag as it is now.', resolve: ({ current }) => current }),
}));

errorType(VersionConflictError, 'The state has changed since the version that the caller expected.', (t) => ({
  expectedVersion: t.exposeInt('expectedVersion', { description: 'The version that the caller expected.' }),
  current: t.field({ type: FlagStateType, description: 'The state as it is now.', resolve: ({ current }) => current }),
}));

errorType(EmergencyOverrideActiveError, 'An emergency override holds the flag: lift it first.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
  environment: t.exposeString('environment', { description: 'The environment in which the flag is held.' }),
  reason: t.exposeString('reason', { description: 'Why, in the words of the admin who set it.' }),
}));

errorType(EmergencyOverrideNotActiveError, 'No emergency override holds the flag in that environment.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
  environment: t.exposeString('environment', { description: "The environment's key." }),
}));

errorType(FlagRuleNotFoundError, 'The flag has no rule with that key in that environment.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
  environment: t.exposeString('environment', { description: "The environment's key." }),
  ruleKey: t.exposeString('ruleKey', { description: "The rule's key." }),
}));

errorType(FlagRuleAlreadyExistsError, 'The flag already has a rule with that key in that environment.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
  environment: t.exposeString('environment', { description: "The environment's key." }),
  ruleKey: t.exposeString('ruleKey', { description: "The rule's key." }),
}));

errorType(FlagOverrideNotFoundError, 'The flag has no override for that user or group in that environment.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
  environment: t.exposeString('environment', { description: "The environment's key." }),
  type: t.field({ type: OverrideType, description: 'Whether it is for a user or for a group.', resolve: ({ type }) => type }),
  targetId: t.exposeString('targetId', { description: 'The user or the group.' }),
}));

errorType(
  FlagOverrideAlreadyExistsError,
  'The flag already has an override for that user or group in that environment.',
  (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    type: t.field({ type: OverrideType, description: 'Whether it is for a user or for a group.', resolve: ({ type }) => type }),
    targetId: t.exposeString('targetId', { description: 'The user or the group.' }),
  }),
);

errorType(ExperimentNotRunningError, 'No experiment runs on the flag in that environment.', (t) => ({
  flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
  environment: t.exposeString('environment', { description: "The environment's key." }),
}));

errorType(
  ExperimentAlreadyRunningError,
  'An experiment already runs on the flag in that environment. Only one can run at a time: stop it first.',
  (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    experimentKey: t.exposeString('experimentKey', { description: 'The key of the running experiment.' }),
  }),
);
