import { getNamedType, isUnionType } from 'graphql';
import { expect } from 'vitest';
import type { AuditEvent } from '../../src/audit/model/audit-event.ts';
import { schema } from '../../src/compose/schema.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTestService, token } from '../support/service.ts';
import { makeSpine, manualClock } from '../support/spine.ts';
import { readLog } from '../support/tables.ts';

// Every mutation of a flag as an admin's client writes it, and the events that came of it.

const flagFields = 'id key name description type variants { key value } tags status version updatedAt';
const stateFields = `environment enabled rolloutPercentage defaultVariant rules { key description targeting }
  overrides { type targetId variant expiresAt } experiment { key hypothesis variants { variant weight } startedAt startedBy }
  emergency { reason startedAt startedBy } version updatedAt`;

/** What is asked for, by the type of the answer. */
const selections: Record<string, string> = {
  Flag: flagFields,
  FlagState: stateFields,
  Schedule: 'id status updates { enabled rolloutPercentage defaultVariant rules { key description targeting } status }',
  ValidationError: 'issues { path message }',
  FlagVersionConflictError: `expectedVersion current { ${flagFields} }`,
  VersionConflictError: `expectedVersion current { ${stateFields} }`,
  EmergencyOverrideActiveError: 'flagKey environment reason',
  EmergencyOverrideNotActiveError: 'flagKey environment',
  FlagRuleNotFoundError: 'flagKey environment ruleKey',
  FlagRuleAlreadyExistsError: 'flagKey environment ruleKey',
  FlagOverrideNotFoundError: 'flagKey environment type targetId',
  FlagOverrideAlreadyExistsError: 'flagKey environment type targetId',
  ExperimentNotRunningError: 'flagKey environment',
  ExperimentAlreadyRunningError: 'flagKey environment experimentKey',
};

export type FlagAnswer = {
  id: string;
  key: string;
  name: string;
  description: string | null;
  type: string;
  variants: { key: string; value: unknown }[];
  tags: string[];
  status: string;
  version: number;
  updatedAt: string;
};
export type StateAnswer = {
  environment: string;
  enabled: boolean;
  rolloutPercentage: number;
  defaultVariant: string | null;
  rules: { key: string; description: string | null; targeting: unknown }[];
  overrides: { type: string; targetId: string; variant: string; expiresAt: string | null }[];
  experiment: { key: string; variants: { variant: string; weight: number }[] } | null;
  emergency: { reason: string; startedAt: string; startedBy: string | null } | null;
  version: number;
  updatedAt: string;
};
export type Answer = Partial<FlagAnswer & StateAnswer> & {
  __typename: string;
  code?: string;
  message?: string;
  issues?: { path: string[]; message: string }[];
  expectedVersion?: number;
  current?: Partial<FlagAnswer & StateAnswer>;
  reason?: string;
};

const documentOf = (name: string): string => {
  const field = schema.getMutationType()?.getFields()[name];
  const result = field && getNamedType(field.type);
  if (!isUnionType(result)) return expect.unreachable(`${name} is no mutation with typed outcomes`);
  const parts = result.getTypes().map((type) => `... on ${type.name} { ${selections[type.name] ?? '__typename'} }`);
  return `mutation ($input: ${field?.args[0]?.type}) { ${name}(input: $input) { __typename ... on Error { code message } ${parts.join(' ')} } }`;
};

/** The API on a database of its own. Nothing runs by itself: `spine` moves events into the log, and applies what is due. */
export const startFlagService = async ({ env = {} }: { env?: Record<string, string> } = {}) => {
  const clock = manualClock(new Date('2026-03-01T09:00:00.000Z'));
  const db = await createPostgresDatabase();
  const service = await startTestService({
    databaseUrl: db.url,
    clock,
    databaseClock: clock,
    env: { ROLES: 'api', ...env },
  });
  const spine = await makeSpine(db.database, { clock });
  const as = await token({ sub: 'ada', name: 'Ada', email: 'ada@example.com', now: clock.at, lifetimeMs: 90 * 24 * 3_600_000 });

  /** The whole response, for inputs that GraphQL itself refuses. */
  const tryTo = (name: string, input: object) => service.gql<Record<string, Answer>>(documentOf(name), { input }, { as });
  const run = async (name: string, input: object): Promise<Answer> => {
    const { data, errors } = await tryTo(name, input);
    return data?.[name] ?? expect.unreachable(JSON.stringify(errors));
  };
  /** Runs a mutation that must succeed. */
  const must = async (name: string, input: object): Promise<Answer> => {
    const answer = await run(name, input);
    expect(answer.message, name).toBeUndefined();
    return answer;
  };
  const query = async <Data>(document: string, variables: object = {}): Promise<Data> => {
    const { data, errors } = await service.gql<Data>(document, { ...variables }, { as });
    return data ?? expect.unreachable(JSON.stringify(errors));
  };
  const stateOf = async (key: string, environment = 'production'): Promise<StateAnswer> => {
    const document = `query ($key: String!, $environment: String!) { flag(key: $key) { state(environment: $environment) { ${stateFields} } } }`;
    const { flag } = await query<{ flag: { state: StateAnswer | null } | null }>(document, { key, environment });
    return flag?.state ?? expect.unreachable(`flag '${key}' has no state in ${environment}`);
  };
  const findFlag = async (key: string): Promise<FlagAnswer | null> =>
    (await query<{ flag: FlagAnswer | null }>(`query ($key: String!) { flag(key: $key) { ${flagFields} } }`, { key })).flag;
  /** What the work adds to the log. */
  const eventsBy = async (work: () => Promise<unknown>): Promise<AuditEvent[]> => {
    await spine.sequence();
    const before = (await readLog(db)).length;
    await work();
    await spine.sequence();
    return (await readLog(db)).slice(before);
  };

  let created = 0;
  /** A flag that is no other test's. */
  const aFlag = async (): Promise<string> => {
    const key = `flag-${++created}`;
    await must('createFlag', { key, name: key, type: 'STRING', variants: colours });
    return key;
  };
  /** Runs a mutation that must be refused, and leave no trace. */
  const refused = async (name: string, input: StateInput): Promise<Answer> => {
    const before = await stateOf(input.flagKey);
    let answer: Answer = { __typename: '' };
    const events = await eventsBy(async () => {
      answer = await run(name, input);
    });
    expect(answer.message, name).toBeDefined();
    expect(events).toEqual([]);
    expect(await stateOf(input.flagKey)).toEqual(before);
    return answer;
  };
  /** Runs a mutation that must succeed with one event, which says what the state was and is. */
  const done = async (name: string, input: StateInput): Promise<AuditEvent> => {
    const { flagKey, environment = 'production' } = input;
    const { version } = await stateOf(flagKey, environment);
    const events = await eventsBy(async () => {
      expect(await must(name, input)).toMatchObject({ environment, version: version + 1 });
    });
    const metadata = { flagKey, environment, adminUserId: 'ada', adminEmail: 'ada@example.com' };
    expect(events).toMatchObject([
      { environment, flagKey, previousState: { version }, newState: { version: version + 1 }, metadata },
    ]);
    const { updatedAt: _updatedAt, environment: _environment, ...state } = await stateOf(flagKey, environment);
    expect(events[0]?.newState).toMatchObject(state);
    return events[0] ?? expect.unreachable();
  };
  return { aFlag, refused, done, clock, db, service, spine, as, tryTo, run, must, stateOf, findFlag, eventsBy };
};

export type FlagService = Awaited<ReturnType<typeof startFlagService>>;

type StateInput = { flagKey: string; environment?: string; [field: string]: unknown };

/** An error's code, and the paths of its issues. */
export const issuesOf = ({ code, issues }: Answer) => [code, ...(issues ?? []).map(({ path }) => path.join('.'))];

/** A multivariate flag, and rules that flagd can evaluate for it. */
export const colours = [
  { key: 'red', value: '#f00' },
  { key: 'green', value: '#0f0' },
  { key: 'blue', value: '#00f' },
];
export const ruleFor = (key: string, variant = 'red') => ({
  key,
  targeting: { if: [{ ends_with: [{ var: 'email' }, `@${key}.example`] }, variant, null] },
});
