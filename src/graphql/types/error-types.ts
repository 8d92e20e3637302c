import { ApiKeyNotFoundError } from '../../api-keys/model/api-key-errors.ts';
import {
  EnvironmentAlreadyExistsError,
  EnvironmentDisabledError,
  EnvironmentNotEmptyError,
  EnvironmentNotFoundError,
} from '../../environments/model/environment-errors.ts';
import { FlagRef } from '../../flags/graphql/flag.ts';
import { FlagStateType } from '../../flags/graphql/flag-state.ts';
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
} from '../../flags/model/flag-errors.ts';
import { type DomainError, ValidationError, type ValidationIssue } from '../../kernel/errors.ts';
import { builder } from '../builder.ts';
import { OverrideType } from './enums.ts';

export const ErrorInterface = builder.interfaceRef<DomainError>('Error').implement({
  description: 'An outcome that the caller can act on. Every error type implements it.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'What is wrong, with the value and what is allowed.' }),
    code: t.exposeString('code', { description: 'The same, for programs.' }),
  }),
});

export const ValidationIssueType = builder.objectRef<ValidationIssue>('ValidationIssue').implement({
  description: 'One thing wrong with an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'Where, below the argument `input`: for example ["updates", "rolloutPercentage"].',
    }),
    message: t.exposeString('message', { description: 'What is wrong there, and what is allowed.' }),
  }),
});

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'The input has values that cannot be used. Nothing was stored.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    issues: t.field({ type: [ValidationIssueType], description: 'Every value that is wrong.', resolve: ({ issues }) => issues }),
  }),
});

builder.objectType(FlagNotFoundError, {
  name: 'FlagNotFoundError',
  description: 'There is no flag of that key.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ flagKey: t.exposeString('flagKey', { description: 'The key that was asked for.' }) }),
});

builder.objectType(FlagAlreadyExistsError, {
  name: 'FlagAlreadyExistsError',
  description: 'The key belongs to another flag.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ flagKey: t.exposeString('flagKey', { description: 'The key that is taken.' }) }),
});

builder.objectType(EnvironmentNotFoundError, {
  name: 'EnvironmentNotFoundError',
  description: 'There is no environment of that key.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ environment: t.exposeString('environment', { description: 'The key that was asked for.' }) }),
});

builder.objectType(EnvironmentAlreadyExistsError, {
  name: 'EnvironmentAlreadyExistsError',
  description: 'There is an environment of that key already.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ environment: t.exposeString('environment', { description: 'The key that is taken.' }) }),
});

builder.objectType(EnvironmentDisabledError, {
  name: 'EnvironmentDisabledError',
  description: 'The environment is disabled: it takes no new schedules until somebody enables it.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ environment: t.exposeString('environment', { description: "The environment's key." }) }),
});

builder.objectType(EnvironmentNotEmptyError, {
  name: 'EnvironmentNotEmptyError',
  description: 'The environment is in use: something is set or scheduled in it.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    environment: t.exposeString('environment', { description: "The environment's key." }),
    changedFlags: t.exposeInt('changedFlags', { description: 'How many flags differ there from a new flag.' }),
    openSchedules: t.exposeInt('openSchedules', { description: 'How many schedules there can still become due.' }),
  }),
});

builder.objectType(FlagArchivedError, {
  name: 'FlagArchivedError',
  description: 'The flag is archived: it takes no change until it is made ACTIVE again.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ flagKey: t.exposeString('flagKey', { description: "The flag's key." }) }),
});

builder.objectType(EmergencyOverrideActiveError, {
  name: 'EmergencyOverrideActiveError',
  description: 'An emergency override holds the flag: lift it first.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: 'Where it is held.' }),
    reason: t.exposeString('reason', { description: 'Why, in the words of who did it.' }),
  }),
});

builder.objectType(EmergencyOverrideNotActiveError, {
  name: 'EmergencyOverrideNotActiveError',
  description: 'No emergency override holds the flag in that environment.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
  }),
});

builder.objectType(FlagRuleNotFoundError, {
  name: 'FlagRuleNotFoundError',
  description: 'The flag has no rule of that key in that environment.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    ruleKey: t.exposeString('ruleKey', { description: "The rule's key." }),
  }),
});

builder.objectType(FlagRuleAlreadyExistsError, {
  name: 'FlagRuleAlreadyExistsError',
  description: 'The flag already has a rule of that key in that environment.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    ruleKey: t.exposeString('ruleKey', { description: "The rule's key." }),
  }),
});

builder.objectType(FlagOverrideNotFoundError, {
  name: 'FlagOverrideNotFoundError',
  description: 'The flag has no override for that user or group in that environment.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    type: t.field({ type: OverrideType, description: 'Whether it is for a user or for a group.', resolve: ({ type }) => type }),
    targetId: t.exposeString('targetId', { description: 'The user or the group.' }),
  }),
});

builder.objectType(FlagOverrideAlreadyExistsError, {
  name: 'FlagOverrideAlreadyExistsError',
  description: 'The flag already has an override for that user or group in that environment.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    type: t.field({ type: OverrideType, description: 'Whether it is for a user or for a group.', resolve: ({ type }) => type }),
    targetId: t.exposeString('targetId', { description: 'The user or the group.' }),
  }),
});

builder.objectType(ExperimentNotRunningError, {
  name: 'ExperimentNotRunningError',
  description: 'No experiment runs on the flag in that environment.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
  }),
});

builder.objectType(ExperimentAlreadyRunningError, {
  name: 'ExperimentAlreadyRunningError',
  description: 'An experiment already runs on the flag in that environment, and only one can: stop it first.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    flagKey: t.exposeString('flagKey', { description: "The flag's key." }),
    environment: t.exposeString('environment', { description: "The environment's key." }),
    experimentKey: t.exposeString('experimentKey', { description: 'What people call the experiment that runs.' }),
  }),
});

builder.objectType(FlagVersionConflictError, {
  name: 'FlagVersionConflictError',
  description: 'Somebody changed the flag since the version that the caller expected.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    expectedVersion: t.exposeInt('expectedVersion', { description: 'The version that the caller expected.' }),
    current: t.field({ type: FlagRef, description: 'The flag as it is now.', resolve: ({ current }) => current }),
  }),
});

builder.objectType(VersionConflictError, {
  name: 'VersionConflictError',
  description: 'Somebody changed the state since the version that the caller expected.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    expectedVersion: t.exposeInt('expectedVersion', { description: 'The version that the caller expected.' }),
    current: t.field({ type: FlagStateType, description: 'The state as it is now.', resolve: ({ current }) => current }),
  }),
});

builder.objectType(ApiKeyNotFoundError, {
  name: 'ApiKeyNotFoundError',
  description: 'There is no API key of that id.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ id: t.exposeID('id', { description: 'The id that was asked for.' }) }),
});
