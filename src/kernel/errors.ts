import type { z } from 'zod';

/** One thing wrong with an input, and where: the path below the argument `input`. */
export type ValidationIssue = { path: string[]; message: string };

/**
 * An outcome that the caller can act on. Each class is a member of a result union in GraphQL; its message goes to clients
 * as it is, so it names the value, the place and the allowed range, and nothing secret.
 */
export abstract class DomainError extends Error {
  abstract readonly code: string;
  override get name() {
    return this.constructor.name;
  }
}

export class ValidationError extends DomainError {
  readonly code = 'VALIDATION_ERROR';
  readonly issues: ValidationIssue[];
  constructor(issues: ValidationIssue[]) {
    super(issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`).join('; '));
    this.issues = issues;
  }
}

/** Zod's findings as ours: where, below the input, and what. */
export const toIssues = (error: z.ZodError, prefix: readonly string[] = []): ValidationIssue[] =>
  error.issues.map(({ path, message }) => ({ path: [...prefix, ...path.map(String)], message }));

export const toValidationError = (error: z.ZodError, prefix?: readonly string[]): ValidationError =>
  new ValidationError(toIssues(error, prefix));

/** Throws a ValidationError where there is anything wrong. */
export const refuse = (issues: ValidationIssue[]): void => {
  if (issues.length > 0) throw new ValidationError(issues);
};

export class FlagNotFoundError extends DomainError {
  readonly code = 'FLAG_NOT_FOUND';
  readonly flagKey: string;
  constructor(flagKey: string) {
    super(`There is no flag '${flagKey}'`);
    this.flagKey = flagKey;
  }
}

export class FlagAlreadyExistsError extends DomainError {
  readonly code = 'FLAG_ALREADY_EXISTS';
  readonly flagKey: string;
  constructor(flagKey: string) {
    super(`A flag '${flagKey}' exists already`);
    this.flagKey = flagKey;
  }
}

export class EnvironmentNotFoundError extends DomainError {
  readonly code = 'ENVIRONMENT_NOT_FOUND';
  readonly environment: string;
  constructor(environment: string) {
    super(`There is no environment '${environment}'`);
    this.environment = environment;
  }
}

export class EnvironmentAlreadyExistsError extends DomainError {
  readonly code = 'ENVIRONMENT_ALREADY_EXISTS';
  readonly environment: string;
  constructor(environment: string) {
    super(`An environment '${environment}' exists already`);
    this.environment = environment;
  }
}

export class EnvironmentDisabledError extends DomainError {
  readonly code = 'ENVIRONMENT_DISABLED';
  readonly environment: string;
  constructor(environment: string) {
    super(`Environment '${environment}' is disabled: it takes no schedules until somebody enables it`);
    this.environment = environment;
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** An environment is in use, so that it cannot be deleted. */
export class EnvironmentNotEmptyError extends DomainError {
  readonly code = 'ENVIRONMENT_NOT_EMPTY';
  readonly environment: string;
  readonly changedFlags: number;
  readonly openSchedules: number;
  constructor(environment: string, changedFlags: number, openSchedules: number) {
    const flags = counted(changedFlags, 'flag');
    const schedules = counted(openSchedules, 'open schedule');
    super(
      `Environment '${environment}' is not empty: in it, ${flags} ${changedFlags === 1 ? 'differs' : 'differ'} from a new flag, and there ${openSchedules === 1 ? 'is' : 'are'} ${schedules}. Set those flags back (disabled, rollout 100, no rules, overrides, experiment or emergency override) and cancel the schedules first`,
    );
    this.environment = environment;
    this.changedFlags = changedFlags;
    this.openSchedules = openSchedules;
  }
}

export class FlagArchivedError extends DomainError {
  readonly code = 'FLAG_ARCHIVED';
  readonly flagKey: string;
  /** `archived`: by whom and when; null where that is not known. */
  constructor(flagKey: string, archived: string | null) {
    super(
      `Flag '${flagKey}' is archived${archived === null ? '' : ` (${archived})`}: it takes no change until it is made ACTIVE again`,
    );
    this.flagKey = flagKey;
  }
}

/** A state is held by an emergency override. */
export class EmergencyOverrideActiveError extends DomainError {
  readonly code = 'EMERGENCY_OVERRIDE_ACTIVE';
  readonly flagKey: string;
  readonly environment: string;
  readonly reason: string;
  constructor(flagKey: string, environment: string, emergency: { reason: string; startedAt: string; startedBy: string | null }) {
    const by = emergency.startedBy === null ? '' : ` by '${emergency.startedBy}'`;
    super(
      `An emergency override holds flag '${flagKey}' in ${environment} since ${emergency.startedAt}${by} (${emergency.reason}): lift it first`,
    );
    this.flagKey = flagKey;
    this.environment = environment;
    this.reason = emergency.reason;
  }
}

/** A part of a flag's state (a rule, an override, an experiment, an emergency override) is not there. */
export class StatePartNotFoundError extends DomainError {
  readonly code = 'STATE_PART_NOT_FOUND';
  readonly flagKey: string;
  constructor(part: string, flagKey: string, environment: string) {
    super(`Flag '${flagKey}' has no ${part} in ${environment}`);
    this.flagKey = flagKey;
  }
}

/** A part of a flag's state is there already, and there can be only one. */
export class StatePartAlreadyExistsError extends DomainError {
  readonly code = 'STATE_PART_ALREADY_EXISTS';
  readonly flagKey: string;
  constructor(part: string, flagKey: string, environment: string) {
    super(`Flag '${flagKey}' has ${part} in ${environment} already`);
    this.flagKey = flagKey;
  }
}

export class FlagVersionConflictError<Current extends { version: number } = { version: number }> extends DomainError {
  readonly code = 'FLAG_VERSION_CONFLICT';
  readonly expectedVersion: number;
  /** What the flag is now. */
  readonly current: Current;
  constructor(expectedVersion: number, current: Current) {
    super(`expectedVersion is ${expectedVersion}, but the flag is at version ${current.version}: read it again, then decide`);
    this.expectedVersion = expectedVersion;
    this.current = current;
  }
}

export class ApiKeyNotFoundError extends DomainError {
  readonly code = 'API_KEY_NOT_FOUND';
  readonly id: string;
  constructor(id: string) {
    super(`There is no API key '${id}'`);
    this.id = id;
  }
}

export class VersionConflictError<State extends { version: number } = { version: number }> extends DomainError {
  readonly code = 'VERSION_CONFLICT';
  readonly expectedVersion: number;
  /** What the state is now. */
  readonly current: State;
  constructor(expectedVersion: number, current: State) {
    super(`expectedVersion is ${expectedVersion}, but the state is at version ${current.version}: read it again, then decide`);
    this.expectedVersion = expectedVersion;
    this.current = current;
  }
}
