import { z } from 'zod';
import { toValidationError } from '../../kernel/errors.ts';
import { nullableFields, nullishFields, presentFields } from '../../kernel/shapes.ts';
import { withoutNulls } from '../../kernel/without-nulls.ts';
import { normalizeRule } from '../../targeting/model/flag-rule.ts';
import { flagStatuses } from './flag-status.ts';
import { type StateField, stateFieldInputs, stateFieldShapes, stateFields } from './state-fields.ts';

/** The fields that updates can set: those of a state, and the flag's status, which is the same in every environment. */
export const updateFields = [...stateFields, 'status'] as const;

/** The input of an update: at least one field. Null means the same as absent. */
export const flagUpdatesSchema = z
  .object(nullishFields({ ...stateFieldInputs, status: z.enum(flagStatuses) }))
  .refine(
    (updates) => Object.values(updates).some((value) => value != null),
    `must change at least one of ${updateFields.join(', ')}`,
  );

const valueShapes = { ...presentFields(stateFieldShapes), status: z.enum(flagStatuses) };

/** Updates as they are stored, and as events show them. */
export const flagUpdatesShape = z.object(valueShapes).partial();
/** The fields that a change sets. `rules` replaces all rules, in order. */
export type FlagUpdates = z.infer<typeof flagUpdatesShape>;

/** Updates as answers show them: null means that the field stays as it is. */
export const nullableUpdatesShape = z.object(nullableFields(valueShapes));

/** Drops absent and null fields, so that equal updates are equal JSON. */
export const normalizeUpdates = (input: z.infer<typeof flagUpdatesSchema>): FlagUpdates =>
  withoutNulls({ ...input, rules: input.rules?.map(normalizeRule) });

/** The fields of a state that updates set. */
export const stateFieldsOf = (updates: FlagUpdates): StateField[] => stateFields.filter((field) => updates[field] !== undefined);

/** Checks stored updates. Throws a ValidationError if they are no longer valid. */
export const parseStoredUpdates = (stored: unknown): FlagUpdates => {
  const parsed = flagUpdatesSchema.safeParse(stored);
  if (parsed.success) return normalizeUpdates(parsed.data);
  throw toValidationError(parsed.error, ['updates']);
};
