import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import {
  EmergencyOverrideActiveError,
  FlagArchivedError,
  FlagNotFoundError,
  VersionConflictError,
} from '../model/flag-errors.ts';

/** The errors that every change of a flag's state can have. */
export const stateChangeErrors = [
  FlagNotFoundError,
  FlagArchivedError,
  EnvironmentNotFoundError,
  VersionConflictError,
  EmergencyOverrideActiveError,
] as const;
