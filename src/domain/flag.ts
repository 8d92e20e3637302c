import { z } from 'zod';
import { ValidationError } from './errors.ts';
import { text } from './text.ts';

export const flagTypes = ['BOOLEAN', 'STRING', 'NUMBER', 'OBJECT'] as const;
export type FlagType = (typeof flagTypes)[number];

export const flagKeySchema = text(1, 128).regex(
  /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
  'must start with a letter or digit and hold only letters, digits, and . _ / -',
);

export const createFlagSchema = z.object({
  key: flagKeySchema,
  name: text(1, 255),
  description: text(0, 4000).nullish(),
  type: z.enum(flagTypes).nullish(),
  tags: z.array(text(1, 64)).max(50, 'must have at most 50 tags').nullish(),
});
export type CreateFlag = z.infer<typeof createFlagSchema>;

const emptyUpdates = 'must change at least one of enabled, rolloutPercentage, defaultVariant';

/** What a change of state carries: at least one field. A null says the same as an absent field. */
export const flagUpdatesSchema = z
  .object({
    enabled: z.boolean().nullish(),
    rolloutPercentage: z
      .int('must be a whole number from 0 to 100')
      .min(0, 'must be from 0 to 100')
      .max(100, 'must be from 0 to 100')
      .nullish(),
    defaultVariant: text(1, 128).nullish(),
  })
  .refine((updates) => Object.values(updates).some((value) => value != null), emptyUpdates);
export type FlagUpdates = { enabled?: boolean; rolloutPercentage?: number; defaultVariant?: string };

export const updateFlagStateSchema = z.object({
  flagKey: text(1, 128),
  environment: text(1, 64),
  updates: flagUpdatesSchema,
  expectedVersion: z.int().min(1, 'must be 1 or more').nullish(),
});
export type UpdateFlagState = z.infer<typeof updateFlagStateSchema>;

export const deleteFlagSchema = z.object({ flagKey: text(1, 128) });
export type DeleteFlag = z.infer<typeof deleteFlagSchema>;

export type Environment = { key: string; name: string; enabled: boolean };

export type Flag = {
  id: string;
  key: string;
  name: string;
  description: string | null;
  type: FlagType;
  tags: string[];
  createdAt: Date;
  updatedAt: Date;
};

export type FlagState = {
  flagId: string;
  environment: string;
  enabled: boolean;
  rolloutPercentage: number;
  defaultVariant: string | null;
  /** Counts this state's changes, from 1. */
  version: number;
  updatedAt: Date;
};

/** A flag as it starts. */
export const newFlag = (input: CreateFlag, { id, now }: { id: string; now: Date }): Flag => ({
  id,
  key: input.key,
  name: input.name,
  description: input.description ?? null,
  type: input.type ?? 'BOOLEAN',
  tags: [...new Set(input.tags ?? [])],
  createdAt: now,
  updatedAt: now,
});

/** A new flag's state: disabled, and at full rollout, so that enabling it is one change. */
export const newFlagState = ({ id }: Pick<Flag, 'id'>, environment: string, now: Date): FlagState => ({
  flagId: id,
  environment,
  enabled: false,
  rolloutPercentage: 100,
  defaultVariant: null,
  version: 1,
  updatedAt: now,
});

/** Drops what is absent, so that equal updates are equal JSON. */
export const normalizeUpdates = (input: z.infer<typeof flagUpdatesSchema>): FlagUpdates => ({
  ...(input.enabled != null && { enabled: input.enabled }),
  ...(input.rolloutPercentage != null && { rolloutPercentage: input.rolloutPercentage }),
  ...(input.defaultVariant != null && { defaultVariant: input.defaultVariant }),
});

/** Reads updates that were stored; throws a ValidationError where they no longer are what a change may carry. */
export const parseStoredUpdates = (stored: unknown): FlagUpdates => {
  const parsed = flagUpdatesSchema.safeParse(stored);
  if (parsed.success) return normalizeUpdates(parsed.data);
  throw toValidationError(parsed.error, ['updates']);
};

/** The state after the updates; the very same object where they change nothing. */
export const applyUpdates = <State extends FlagState>(state: State, updates: FlagUpdates, now: Date): State => {
  const next = { ...state, ...updates };
  const changed =
    next.enabled !== state.enabled ||
    next.rolloutPercentage !== state.rolloutPercentage ||
    next.defaultVariant !== state.defaultVariant;
  return changed ? { ...next, version: state.version + 1, updatedAt: now } : state;
};

/** Zod's findings as ours: where, below the input, and what. */
export const toValidationError = (error: z.ZodError, prefix: string[] = []): ValidationError =>
  new ValidationError(error.issues.map(({ path, message }) => ({ path: [...prefix, ...path.map(String)], message })));
