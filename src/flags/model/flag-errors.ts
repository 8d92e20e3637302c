import { DomainError } from '../../kernel/errors.ts';

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
