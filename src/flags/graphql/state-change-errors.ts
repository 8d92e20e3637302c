import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import {
  EmergencyOverrideActiveError,
  FlagArchivedError,
  FlagNotFoundError,
  VersionConflictError,
} from '../model/flag-errors.ts';

/** What may be in the way of every change of a flag's state. */
export const stateChangeErrors = [
  FlagNotFoundError,
  FlagArchivedError,
  EnvironmentNotFoundError,
  VersionConflictError,
  EmergencyOverrideActiveError,
] as const;
