import { beforeAll, describe, expect, it } from 'vitest';
import { makeEnvironmentStore } from '../../src/environments/store/environment-store.ts';
import { makeImportFlags } from '../../src/flagd/commands/import-flags.ts';
import type { ImportedFlag } from '../../src/flagd/model/flagd-import.ts';
import { FlagVersionConflictError, VersionConflictError } from '../../src/flags/model/flag-errors.ts';
import { makeFlagStore } from '../../src/flags/store/flag-store.ts';
import { makeOpenScheduleReader } from '../../src/schedules/store/open-schedules.ts';
import { createPGliteDatabase, type TestDatabase } from '../support/databases.ts';
import { anAdmin, makeSpine, type Spine } from '../support/spine.ts';

const environment = 'production';
const colours = (...keys: string[]) => keys.map((key) => ({ key, value: key }));

let db: TestDatabase;
let spine: Spine;
beforeAll(async () => {
  db = await createPGliteDatabase();
  spine = await makeSpine(db.database);
});

/** A flag as a file says it. */
const wanted = (key: string, rest: Partial<ImportedFlag> = {}): ImportedFlag => ({
  ...{ key, name: key, description: null, type: 'STRING', variants: colours('red', 'green'), tags: [] },
  state: { enabled: true, rolloutPercentage: 100, defaultVariant: 'red', rules: [] },
  ...rest,
});

type During = { compared?: () => Promise<unknown>; created?: () => Promise<unknown>; stateUpdated?: () => Promise<unknown> };
/** Imports one flag; in between, somebody else does what the test says. */
const importWhile = ({ compared, created, stateUpdated }: During, flag: ImportedFlag, { dryRun = false } = {}) => {
  const flags = makeFlagStore(db.database.prisma);
  const importFlags = makeImportFlags({
    environments: makeEnvironmentStore(db.database.prisma),
    flags,
    schedules: makeOpenScheduleReader(db.database.prisma),
    createFlag: async (...args) => {
      await spine.createFlag(...args);
      await created?.();
    },
    updateFlag: spine.updateFlag,
    updateFlagState: async (...args) => {
      await spine.updateFlagState(...args);
      await stateUpdated?.();
    },
    clock: { now: () => new Date() },
  });
  return importFlags(anAdmin('importer'), [flag], {
    environment,
    dryRun,
    onCompared: async () => void (await compared?.()),
    onFlag: () => {},
    signal: new AbortController().signal,
  });
};

const aFlag = (key: string) =>
  spine.createFlag(anAdmin(), { key, name: key, type: 'STRING', variants: colours('red', 'green', 'blue') });
const stored = async (key: string) => {
  const [row] = await db.sql(
    `SELECT f.name, f.description, f.variants, s.enabled, s.rollout_percentage AS rollout FROM feature_flags f
     JOIN feature_flag_states s ON s.flag_id = f.id AND s.environment_key = $2 WHERE f.key = $1`,
    [key, environment],
  );
  return row;
};

describe('an import stops, and takes nothing back, where somebody changes meanwhile', () => {
  it('the flag itself', async () => {
    await aFlag('text');
    const change = () => spine.updateFlag(anAdmin('carol'), { flagKey: 'text', description: 'Carol was here' });
    const file = wanted('text', { name: 'A name', description: 'from the file', variants: colours('red', 'green', 'blue') });
    await expect(importWhile({ compared: change }, file)).rejects.toBeInstanceOf(FlagVersionConflictError);
    expect(await stored('text')).toMatchObject({ name: 'text', description: 'Carol was here', enabled: false });
    // Run again, it knows of the change.
    await importWhile({}, file);
    expect(await stored('text')).toMatchObject({ name: 'A name', description: 'from the file', enabled: true });
  });

  it('its state', async () => {
    await aFlag('state');
    const change = () => spine.updateFlagState(anAdmin(), { flagKey: 'state', environment, updates: { rolloutPercentage: 5 } });
    const file = wanted('state', { variants: colours('red', 'green', 'blue') });
    await expect(importWhile({ compared: change }, file)).rejects.toBeInstanceOf(VersionConflictError);
    expect(await stored('state')).toMatchObject({ enabled: false, rollout: 5 });
  });

  it('the variants, between the steps of the import', async () => {
    await aFlag('variants');
    const more = colours('red', 'green', 'blue', 'carols');
    const change = () => spine.updateFlag(anAdmin('carol'), { flagKey: 'variants', variants: more });
    await expect(importWhile({ stateUpdated: change }, wanted('variants'))).rejects.toBeInstanceOf(FlagVersionConflictError);
    expect(await stored('variants')).toMatchObject({ variants: more });
  });

  it('the state of a flag that it has just created', async () => {
    const change = () => spine.updateFlagState(anAdmin(), { flagKey: 'new', environment, updates: { rolloutPercentage: 5 } });
    await expect(importWhile({ created: change }, wanted('new'))).rejects.toBeInstanceOf(VersionConflictError);
    expect(await stored('new')).toMatchObject({ enabled: false, rollout: 5 });
  });
});

it('an import takes variants away where the flag is in between as it left it, whether that was a change or none', async () => {
  await aFlag('fewer');
  await importWhile({}, wanted('fewer'));
  expect(await stored('fewer')).toMatchObject({ variants: colours('red', 'green') });
  await importWhile({}, wanted('fewer', { variants: colours('red', 'black') }));
  expect(await stored('fewer')).toMatchObject({ variants: colours('red', 'black') });
});
