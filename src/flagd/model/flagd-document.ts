import type { Flag } from '../../flags/model/flag.ts';
import type { FlagState } from '../../flags/model/flag-state.ts';
import { variantsOf } from '../../flags/model/variant.ts';
import type { Json } from '../../kernel/json.ts';
import { composeTargeting, type Decisions } from './flagd-composition.ts';

/** A flag in flagd's format: https://flagd.dev/reference/flag-definitions/ */
export type FlagdFlag = {
  state: 'ENABLED' | 'DISABLED';
  variants: { [key: string]: Json };
  /** Null for the application's own default. */
  defaultVariant: string | null;
  targeting?: Json;
  metadata?: { [key: string]: string | number | boolean };
};
/** A flag that flagd does not support, and why. */
export type OmittedFlag = { flagKey: string; reason: string };
export type FlagdDocument = {
  $schema: string;
  flags: { [key: string]: FlagdFlag };
  /**
   * Not part of flagd's format, which ignores unknown properties. Lists what is left out, for people; absent if nothing is. It
   * is not in flagd's `metadata`, because every evaluation would return that.
   */
  omitted?: OmittedFlag[];
};

type ExportedFlag = Pick<Flag, 'type' | 'variants' | 'status'> & Partial<Pick<Flag, 'name' | 'description' | 'tags'>>;
type ExportedState = Decisions & Pick<FlagState, 'enabled' | 'defaultVariant'> & Partial<Pick<FlagState, 'version'>>;

/**
 * Writes a flag in one environment in flagd's format. It has no targeting if only its default variant can be served. A boolean
 * flag without a default variant serves its first variant with the value true; any other flag leaves the default to the
 * application.
 */
export const toFlagdFlag = (flag: ExportedFlag, state: ExportedState): FlagdFlag => {
  const variants = variantsOf(flag);
  const firstThatIs = (value: boolean) =>
    flag.type === 'BOOLEAN' ? (variants.find((variant) => variant.value === value)?.key ?? null) : null;
  const served = state.defaultVariant ?? firstThatIs(true);
  const { targeting, fallback } = composeTargeting({ variants, state, served, outside: firstThatIs(false) });
  const metadata = {
    ...(flag.name && { name: flag.name }),
    ...(flag.description && { description: flag.description }),
    ...(flag.tags && flag.tags.length > 0 && { tags: flag.tags.join(',') }),
    ...(state.version && { version: state.version }),
  };
  return {
    state: state.enabled && flag.status !== 'ARCHIVED' ? 'ENABLED' : 'DISABLED',
    variants: Object.fromEntries(variants.map(({ key, value }) => [key, value])),
    defaultVariant: fallback,
    ...(targeting !== null && { targeting }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
};

/** Writes one environment's flags as a document that flagd and OpenFeature's flagd providers can read. */
export const toFlagdDocument = (exported: readonly { flag: Flag; state: FlagState }[]): FlagdDocument => {
  const flags: FlagdDocument['flags'] = {};
  const omitted: OmittedFlag[] = [];
  for (const { flag, state } of exported) {
    const reason = refuseExport(flag, state);
    if (reason) omitted.push({ flagKey: flag.key, reason });
    else flags[flag.key] = toFlagdFlag(flag, state);
  }
  return { $schema: 'https://flagd.dev/schema/v0/flags.json', flags, ...(omitted.length > 0 && { omitted }) };
};

/** Finds why flagd would refuse a flag, and the whole document with it. */
const refuseExport = (flag: Flag, { defaultVariant }: FlagState): string | null => {
  const keys = variantsOf(flag).map(({ key }) => key);
  if (keys.length === 0) return 'it has no variants yet';
  const unfit = keys.find((key) => /[\n\r\u2028\u2029]/.test(key));
  if (unfit !== undefined) return `the key of its variant ${JSON.stringify(unfit)} has a line break`;
  return defaultVariant === null || keys.includes(defaultVariant)
    ? null
    : `its default variant '${defaultVariant}' is not one of its variants: ${keys.join(', ')}`;
};
