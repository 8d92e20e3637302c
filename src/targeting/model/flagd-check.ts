import { type FeatureFlag, MemoryStorage } from '@openfeature/flagd-core';
import { z } from 'zod';
import type { ValidationIssue } from '../../kernel/errors.ts';
import type { Json } from '../../kernel/json.ts';

/**
 * Checks a targeting with flagd's own evaluator: first against flagd's published schema
 * (https://flagd.dev/schema/v0/targeting.json, compiled into the package), then in trial evaluations.
 */
export const findFlagdIssues = (targeting: Json): ValidationIssue[] => {
  let lastMessage = '';
  const ignore = () => {};
  const logger = { error: ignore, warn: ignore, info: ignore, debug: (...words: unknown[]) => (lastMessage = words.join(' ')) };
  // Compiling would run generated code, which browsers block under a content security policy.
  const storage = new MemoryStorage(logger, { disableDynamicCodeGeneration: true });
  const document = { flags: { trial: { state: 'ENABLED', variants: { any: true }, targeting } } };
  try {
    storage.setConfigurations(JSON.stringify(document), true);
  } catch (error) {
    return [describeRefusal(error instanceof Error ? error.message : String(error), targeting)];
  }
  const flag = storage.getFlag('trial');
  return flag ? findFailures(flag, () => lastMessage) : [];
};

/**
 * Trial contexts. Nothing is known about many users. For the others most applications send these fields; the key can be text or
 * a number.
 */
const anonymous = {};
const known = ['user-1', '42'].map((targetingKey) => ({ targetingKey, email: 'user@example.com', groups: ['beta'] }));

const findFailures = (flag: FeatureFlag, lastMessage: () => string): ValidationIssue[] => {
  const failureIn = (context: object & Parameters<FeatureFlag['evaluate']>[0]): ValidationIssue | null => {
    const { errorMessage } = flag.evaluate(context);
    // The trial does not have the flag's variants, so an unknown variant is no failure.
    if (errorMessage === undefined || errorMessage.startsWith('Variant ')) return null;
    const [, reason = 'undefined'] = lastMessage().split("'trial': ");
    const why = reason === 'undefined' ? 'a value has a type that its operator does not accept' : reason;
    return { path: [], message: `makes flagd fail in the context ${JSON.stringify(context)}: ${why}` };
  };
  const failure = failureIn(anonymous);
  if (failure) return [failure];
  const failures = known.map(failureIn);
  return failures.every((one) => one !== null) ? failures.slice(0, 1) : [];
};

const refusalsSchema = z
  .array(
    z.object({
      instancePath: z.string(),
      keyword: z.string(),
      params: z.record(z.string(), z.unknown()),
      message: z.string(),
    }),
  )
  .min(1);
type Refusal = z.infer<typeof refusalsSchema>[number];

/**
 * Turns flagd's message into a readable one. The schema offers many alternatives at every place, and each alternative
 * complains. Those with the deepest path come closest to what the author meant.
 */
const describeRefusal = (message: string, targeting: Json): ValidationIssue => {
  const refusals = refusalsSchema.safeParse(parseJson(message.slice(message.indexOf('['))));
  if (!refusals.success) return { path: [], message: `is refused by flagd: ${message}` };
  const depthOf = ({ instancePath }: Refusal) => instancePath.split('/').length;
  const depth = Math.max(...refusals.data.map(depthOf));
  const [first, ...others] = refusals.data.filter((refusal) => depthOf(refusal) === depth);
  if (!first) return { path: [], message: `is refused by flagd: ${message}` };

  // Drops the prefix /flags/trial/targeting.
  const path = first.instancePath.split('/').slice(4).map(fromPointer);
  const unknown = [first, ...others].find(({ keyword }) => keyword === 'additionalProperties')?.params.additionalProperty;
  if (unknown !== undefined)
    return { path, message: `has the operator ${JSON.stringify(unknown)}, which flagd does not support` };
  const needs = new Set([first, ...others].filter(({ keyword }) => !/Of$|^not$/.test(keyword)).map(describeNeed));
  return { path, message: `is ${excerpt(valueAt(targeting, path))}: ${[...needs].join(' or ') || 'must have an operator'}` };
};

const describeNeed = ({ keyword, params, message, instancePath }: Refusal): string => {
  if (keyword === 'enum') return `must be one of ${[params.allowedValues].flat().join(' ')}`;
  if (keyword !== 'pattern') return message;
  return instancePath.includes('/sem_ver/')
    ? 'must be a semantic version like 1.2.3'
    : 'must be a path into the context, or $flagd.timestamp or $flagd.flagKey';
};

const valueAt = (value: Json, path: readonly string[]): Json =>
  path.reduce<Json>((at, step) => (Object.entries(at ?? {}).find(([key]) => key === step)?.[1] ?? null) as Json, value);

const excerpt = (value: Json): string => {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

const fromPointer = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};
