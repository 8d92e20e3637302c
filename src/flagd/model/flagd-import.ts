import { z } from 'zod';
import { createFlagSchema } from '../../flags/model/flag.ts';
import { type FlagType, flagTypes } from '../../flags/model/flag-type.ts';
import { findVariantIssues, type Variant } from '../../flags/model/variant.ts';
import { toIssues, type ValidationIssue } from '../../kernel/errors.ts';
import { findJsonProblem, type Json, type JsonObject } from '../../kernel/json.ts';
import type { FlagRule } from '../../targeting/model/flag-rule.ts';
import { findTargetingIssues } from '../../targeting/model/targeting.ts';
import { writeOutReferences } from './flagd-evaluators.ts';

/** A flag to import, with its state in one environment. */
export type ImportedFlag = {
  key: string;
  name: string;
  description: string | null;
  type: FlagType;
  variants: Variant[];
  tags: string[];
  state: { enabled: boolean; rolloutPercentage: number; defaultVariant: string | null; rules: FlagRule[] };
};

const maxIssues = 20;
const maxDocumentLevels = 100;
/** More than any list in a flag can hold. Larger lists are refused unread. */
const maxEntries = 1000;

// The depth is checked before, the content later.
const json = z.custom<Json>((value) => value !== undefined);
const value = z.custom<NonNullable<Json>>((given) => given != null, 'must not be null');
// Zod collects an issue for each entry; a few hundred thousand of them would exhaust the stack.
const fewEntries = z.unknown().refine(hasFewEntries, { error: `must have at most ${maxEntries} entries`, abort: true });
const documentSchema = z.object(
  {
    flags: z.record(z.string(), z.unknown(), 'must be an object with a flag under each key'),
    $evaluators: z.record(z.string(), json, 'must be an object with a rule under each name').optional(),
  },
  'must be an object with flags',
);
const flagSchema = z.object(
  {
    state: z.enum(['ENABLED', 'DISABLED'], 'must be ENABLED or DISABLED'),
    variants: fewEntries.pipe(
      z
        .record(z.string(), value, 'must be an object with a value under each variant')
        .refine((variants) => Object.keys(variants).length > 0, 'must have at least one variant'),
    ),
    defaultVariant: z.string('must be the key of a variant, or null').nullish(),
    targeting: json.optional(),
    metadata: fewEntries
      .pipe(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()], 'must be text, a number, true or false')))
      .default({}),
  },
  'must be an object',
);
type FlagDefinition = z.infer<typeof flagSchema>;

/**
 * Reads the flags of a flagd document. If anything is wrong, returns no flags but up to 20 issues, with paths from the top of
 * the document. A flag's targeting becomes one rule, `imported`, in which references to $evaluators are written out. `name`,
 * `description` and `tags` (separated by commas) come from the flag's metadata.
 */
export const fromFlagdDocument = (document: Json): Reading => {
  const steps = readFlagdDocument(document);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
};

type Reading = { flags: ImportedFlag[]; issues: ValidationIssue[] };

/** Does the same one flag at a time, so that the caller can do other work in between. */
export function* readFlagdDocument(document: Json): Generator<void, Reading> {
  const nothing = (issues: ValidationIssue[]) => ({ flags: [], issues: issues.slice(0, maxIssues) });
  const unfit = findUnsafeValues(document);
  if (unfit.length > 0) return nothing(unfit);
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) return nothing(toIssues(parsed.error));
  const issues: ValidationIssue[] = [];
  const flags: ImportedFlag[] = [];
  for (const [key, definition] of Object.entries(parsed.data.flags)) {
    yield;
    const flag = flagSchema.safeParse(definition);
    const found = flag.success
      ? readFlag(key, flag.data, parsed.data.$evaluators ?? {})
      : { flag: null, issues: toIssues(flag.error) };
    for (const { path, message } of found.issues) issues.push({ path: ['flags', key, ...path], message });
    if (issues.length >= maxIssues) break;
    if (found.flag) flags.push(found.flag);
  }
  return issues.length > 0 ? nothing(issues) : { flags, issues };
}

const readFlag = (
  key: string,
  { state, variants, defaultVariant, targeting, metadata }: FlagDefinition,
  evaluators: JsonObject,
): { flag: ImportedFlag; issues: ValidationIssue[] } => {
  const resolved = writeOutReferences(targeting ?? {}, evaluators);
  const rule = resolved.targeting ?? {};
  const type = typeOf(Object.values(variants));
  const flag: ImportedFlag = {
    key,
    name: metadata.name === undefined ? key : String(metadata.name),
    description: metadata.description === undefined ? null : String(metadata.description),
    type: type ?? 'OBJECT',
    variants: Object.entries(variants).map(([variant, given]) => ({ key: variant, value: given })),
    tags: metadata.tags === undefined ? [] : tagsOf(String(metadata.tags)),
    state: {
      enabled: state === 'ENABLED',
      rolloutPercentage: 100,
      defaultVariant: defaultVariant || null,
      rules: isEmpty(rule) ? [] : [{ key: 'imported', description: null, targeting: rule }],
    },
  };
  const { state: _state, ...created } = flag;
  const input = createFlagSchema.safeParse(created);
  const keys = Object.keys(variants);
  const targetingIssues = resolved.issue ? [resolved.issue] : isEmpty(rule) ? [] : findTargetingIssues(rule, keys);
  return {
    flag,
    issues: [
      ...(type ? [] : mixedTypes(variants)),
      ...(input.success ? [] : toIssues(input.error).map(toDocumentPath)),
      ...findDefaultIssues(flag, keys),
      ...targetingIssues.map(({ path, message }) => ({ path: ['targeting', ...path], message })),
    ],
  };
};

/** A document holds names, descriptions and tags in a flag's metadata. */
const toDocumentPath = ({ path, message }: ValidationIssue): ValidationIssue =>
  ['name', 'description', 'tags'].includes(path[0] ?? '') ? { path: ['metadata', ...path], message } : { path, message };

/** Finds values that would break recursive code or the database, such as too deep nesting. */
const findUnsafeValues = (document: Json): ValidationIssue[] => {
  const problem = findJsonProblem(document, maxDocumentLevels);
  if (!problem) return [];
  const unfit = ['flags', '$evaluators'].flatMap((section) =>
    Object.entries(entriesOf(entriesOf(document)[section])).flatMap(([key, inner]) => {
      const found = key === '__proto__' ? 'cannot have this key' : findJsonProblem(inner, maxDocumentLevels);
      return found ? [{ path: [section, key], message: found }] : [];
    }),
  );
  return unfit.length > 0 ? unfit : [{ path: [], message: problem }];
};

const entriesOf = (given: Json | undefined): JsonObject =>
  typeof given === 'object' && given !== null && !Array.isArray(given) ? given : {};

/** The type that fits all values; null if there is none. */
const typeOf = (values: readonly NonNullable<Json>[]): FlagType | null =>
  flagTypes.find(
    (type) =>
      findVariantIssues(
        type,
        values.map((one) => ({ key: '', value: one })),
      ).length === 0,
  ) ?? null;

const mixedTypes = (variants: JsonObject): ValidationIssue[] => {
  const kinds = Object.entries(variants).map(([key, one]) => `${key} is ${kindOf(one)}`);
  return [
    {
      path: ['variants'],
      message: `must all be booleans, all text, all numbers or all objects: ${kinds.slice(0, 5).join(', ')}`,
    },
  ];
};

const kindOf = (one: Json): string => (Array.isArray(one) ? 'a list' : typeof one);

const findDefaultIssues = ({ type, state: { defaultVariant } }: ImportedFlag, keys: readonly string[]): ValidationIssue[] => {
  const issue = (message: string) => [{ path: ['defaultVariant'], message }];
  if (defaultVariant !== null && !keys.includes(defaultVariant)) {
    return issue(`is '${defaultVariant}', which is not a variant of the flag: it has ${keys.join(', ')}`);
  }
  // Without a default variant, Flagtrail would serve the flag's true variant, but flagd the application's default.
  return type === 'BOOLEAN' && defaultVariant === null ? issue(`is required for a boolean flag: one of ${keys.join(', ')}`) : [];
};

const tagsOf = (text: string): string[] =>
  text
    .split(',', maxEntries)
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');

const isEmpty = (targeting: Json): boolean =>
  typeof targeting === 'object' && !Array.isArray(targeting) && Object.keys(targeting ?? {}).length === 0;

function hasFewEntries(given: unknown): boolean {
  return typeof given !== 'object' || given === null || Object.keys(given).length <= maxEntries;
}
