import type { z } from 'zod';

/** One thing that is wrong with an input. `path` says where, starting below the argument `input`. */
export type ValidationIssue = { path: string[]; message: string };

/**
 * An outcome that the caller can act on. Each class is a member of a result union in GraphQL. Clients see the message as it is,
 * so it names the value, the place and the allowed range, and holds no secret.
 */
export abstract class DomainError extends Error {
  abstract readonly code: string;
  override get name() {
    return this.constructor.name;
  }
}

/** An invalid input. The message joins all issues; each begins with its path. */
export class ValidationError extends DomainError {
  readonly code = 'VALIDATION_ERROR';
  readonly issues: ValidationIssue[];
  constructor(issues: ValidationIssue[]) {
    super(issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`).join('; '));
    this.issues = issues;
  }
}

/** Zod's issues as ours, with `prefix` in front of each path. */
export const toIssues = (error: z.ZodError, prefix: readonly string[] = []): ValidationIssue[] =>
  error.issues.map(({ path, message }) => ({ path: [...prefix, ...path.map(String)], message }));

/** A ValidationError from Zod's issues, with `prefix` in front of each path. */
export const toValidationError = (error: z.ZodError, prefix?: readonly string[]): ValidationError =>
  new ValidationError(toIssues(error, prefix));

/** The same issues, with `prefix` in front of each path. */
export const issuesBelow = (prefix: readonly string[], issues: readonly ValidationIssue[]): ValidationIssue[] =>
  issues.map(({ path, message }) => ({ path: [...prefix, ...path], message }));

/** Throws a ValidationError if there are any issues. */
export const refuse = (issues: ValidationIssue[]): void => {
  if (issues.length > 0) throw new ValidationError(issues);
};

/** A thing has changed since the version that the caller read. */
export abstract class StaleVersionError<Current extends { version: number }> extends DomainError {
  readonly expectedVersion: number;
  /** The thing as it is now. */
  readonly current: Current;
  constructor(thing: string, expectedVersion: number, current: Current) {
    super(`expectedVersion is ${expectedVersion}, but the ${thing} is at version ${current.version}: read it again, then decide`);
    this.expectedVersion = expectedVersion;
    this.current = current;
  }
}
