import { DomainError, StaleVersionError } from '../../kernel/errors.ts';
import type { Flag } from './flag.ts';
import type { OverrideType } from './flag-override.ts';
import type { FlagState } from './flag-state.ts';

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
    super(`A flag with the key '${flagKey}' already exists`);
    this.flagKey = flagKey;
  }
}

export class FlagArchivedError extends DomainError {
  readonly code = 'FLAG_ARCHIVED';
  readonly flagKey: string;
  /** `archived` says by whom and when; null if that is not known. */
  constructor(flagKey: string, archived: string | null) {
    super(
      `Flag '${flagKey}' is archived${archived === null ? '' : ` (${archived})`}: it cannot be changed until it is ACTIVE again`,
    );
    this.flagKey = flagKey;
  }
}

/** An emergency override holds the state. */
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

/** No emergency override holds the state, so there is none to lift. */
export class EmergencyOverrideNotActiveError extends DomainError {
  readonly code = 'EMERGENCY_OVERRIDE_NOT_ACTIVE';
  readonly flagKey: string;
  readonly environment: string;
  constructor(flagKey: string, environment: string) {
    super(`No emergency override holds flag '${flagKey}' in ${environment}`);
    this.flagKey = flagKey;
    this.environment = environment;
  }
}

type RulePlace = { flagKey: string; environment: string; ruleKey: string };

/** Something is wrong with one rule of a flag, in one environment. */
abstract class FlagRuleError extends DomainError {
  readonly flagKey: string;
  readonly environment: string;
  readonly ruleKey: string;
  constructor(what: string, { flagKey, environment, ruleKey }: RulePlace) {
    super(`Flag '${flagKey}' ${what} '${ruleKey}' in ${environment}`);
    this.flagKey = flagKey;
    this.environment = environment;
    this.ruleKey = ruleKey;
  }
}

export class FlagRuleNotFoundError extends FlagRuleError {
  readonly code = 'FLAG_RULE_NOT_FOUND';
  constructor(place: RulePlace) {
    super('has no rule', place);
  }
}

export class FlagRuleAlreadyExistsError extends FlagRuleError {
  readonly code = 'FLAG_RULE_ALREADY_EXISTS';
  constructor(place: RulePlace) {
    super('already has a rule', place);
  }
}

type OverridePlace = { flagKey: string; environment: string; type: OverrideType; targetId: string };

/** Something is wrong with the override of one target, in one environment. */
abstract class FlagOverrideError extends DomainError {
  readonly flagKey: string;
  readonly environment: string;
  readonly type: OverrideType;
  readonly targetId: string;
  constructor(what: string, { flagKey, environment, type, targetId }: OverridePlace) {
    super(`Flag '${flagKey}' ${what} for ${type.toLowerCase()} '${targetId}' in ${environment}`);
    this.flagKey = flagKey;
    this.environment = environment;
    this.type = type;
    this.targetId = targetId;
  }
}

export class FlagOverrideNotFoundError extends FlagOverrideError {
  readonly code = 'FLAG_OVERRIDE_NOT_FOUND';
  constructor(place: OverridePlace) {
    super('has no override', place);
  }
}

export class FlagOverrideAlreadyExistsError extends FlagOverrideError {
  readonly code = 'FLAG_OVERRIDE_ALREADY_EXISTS';
  constructor(place: OverridePlace) {
    super('already has an override', place);
  }
}

export class ExperimentNotRunningError extends DomainError {
  readonly code = 'EXPERIMENT_NOT_RUNNING';
  readonly flagKey: string;
  readonly environment: string;
  constructor(flagKey: string, environment: string) {
    super(`Flag '${flagKey}' has no running experiment in ${environment}`);
    this.flagKey = flagKey;
    this.environment = environment;
  }
}

/** One experiment runs at a time. */
export class ExperimentAlreadyRunningError extends DomainError {
  readonly code = 'EXPERIMENT_ALREADY_RUNNING';
  readonly flagKey: string;
  readonly environment: string;
  readonly experimentKey: string;
  constructor({ flagKey, environment, experimentKey }: { flagKey: string; environment: string; experimentKey: string }) {
    super(`Flag '${flagKey}' already runs experiment '${experimentKey}' in ${environment}: stop it first`);
    this.flagKey = flagKey;
    this.environment = environment;
    this.experimentKey = experimentKey;
  }
}

/** The flag itself has changed since the caller read it. */
export class FlagVersionConflictError extends StaleVersionError<Flag> {
  readonly code = 'FLAG_VERSION_CONFLICT';
  constructor(expectedVersion: number, current: Flag) {
    super('flag', expectedVersion, current);
  }
}

/** Somebody changed the flag's state since. */
export class VersionConflictError extends StaleVersionError<FlagState> {
  readonly code = 'VERSION_CONFLICT';
  constructor(expectedVersion: number, current: FlagState) {
    super('state', expectedVersion, current);
  }
}
