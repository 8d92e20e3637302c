import { countOf } from '../../audit/model/changes.ts';
import { DomainError } from '../../kernel/errors.ts';

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
    super(`An environment with the key '${environment}' already exists`);
    this.environment = environment;
  }
}

export class EnvironmentDisabledError extends DomainError {
  readonly code = 'ENVIRONMENT_DISABLED';
  readonly environment: string;
  constructor(environment: string) {
    super(
      `Environment '${environment}' is disabled: schedules cannot be created, edited or applied in it until an admin enables it`,
    );
    this.environment = environment;
  }
}

/** The environment is in use, so it cannot be deleted. */
export class EnvironmentNotEmptyError extends DomainError {
  readonly code = 'ENVIRONMENT_NOT_EMPTY';
  readonly environment: string;
  readonly changedFlags: number;
  readonly openSchedules: number;
  constructor(environment: string, changedFlags: number, openSchedules: number) {
    const flags = countOf(changedFlags, 'flag');
    const schedules = countOf(openSchedules, 'open schedule');
    super(
      `Environment '${environment}' is not empty: ${flags} in it ${changedFlags === 1 ? 'differs' : 'differ'} from a new flag, and it has ${schedules}. Reset those flags first (disabled, rollout 100, no rules, overrides, experiment or emergency override) and cancel the schedules`,
    );
    this.environment = environment;
    this.changedFlags = changedFlags;
    this.openSchedules = openSchedules;
  }
}
