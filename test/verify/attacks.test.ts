import { beforeAll, describe, expect, it } from 'vitest';
import type { Query } from '../../src/verify/database-source.ts';
import type { Finding } from '../../src/verify/outcome.ts';
import { exitCodeOf } from '../../src/verify/report.ts';
import { verifyDatabase } from '../../src/verify/verify.ts';
import { makeSignedLog, type SignedLog } from '../support/attacked-log.ts';
import { leafOf, makeLogSigner, rootOf } from '../support/log-signer.ts';

// What a superuser of the database can do, with the triggers that would refuse it switched off. Each attack is undone afterwards.

let log: SignedLog;
beforeAll(async () => {
  log = await makeSignedLog();
});

type Given = { pins?: readonly string[]; keys?: readonly string[] };
const verify = ({ pins = [], keys = [log.signer.line] }: Given = {}) => {
  const query: Query = (sql, ...params) => log.database.sql(sql, params) as never;
  return verifyDatabase(query, { keys, pins: pins.map((note, n) => ({ name: `pin ${n + 1}`, note })) });
};

/** What the superuser writes. Each function is one step; `sql` is any other. */
const superuser = {
  sql: <Row>(text: string, params: readonly unknown[] = []) => log.database.sql<Row>(text, params),
  /** Says something else than what was recorded, in the same number of bytes. */
  editEntry: (position: number) =>
    superuser.sql(`UPDATE audit_log SET entry = replace(entry, '"result":"SUCCESS"', '"result":"FAILURE"') WHERE position = $1`, [
      position,
    ]),
  rehash: (position: number) =>
    superuser.sql(
      `UPDATE audit_log SET leaf_hash = sha256('\\x00'::bytea || convert_to(entry, 'UTF8')), result = entry::jsonb ->> 'result' WHERE position = $1`,
      [position],
    ),
  /** Makes the tree anew, with the database's own functions. */
  rebuildTree: async () => {
    await superuser.sql('DELETE FROM audit_tiles');
    await superuser.sql(`UPDATE audit_head SET size = (SELECT coalesce(max(position), 0) FROM audit_log),
      edge = audit_grow_tree(0, '', ARRAY(SELECT leaf_hash FROM audit_log ORDER BY position))`);
    await superuser.sql('UPDATE audit_head SET root_hash = audit_root(edge)');
  },
  /** Moves everything from a position on, entries and disclosures, by one or more places. */
  shift: async (from: number, by: number) => {
    for (const table of ['audit_log', 'audit_disclosures']) {
      await superuser.sql(`UPDATE ${table} SET position = -position WHERE position >= $1`, [from]);
      await superuser.sql(`UPDATE ${table} SET position = -position + $1 WHERE position < 0`, [by]);
    }
  },
  swap: async (one: number, other: number, tables = ['audit_log', 'audit_disclosures']) => {
    for (const table of tables) {
      await superuser.sql(`UPDATE ${table} SET position = -position WHERE position IN ($1, $2)`, [one, other]);
      await superuser.sql(`UPDATE ${table} SET position = $1::bigint + $2::bigint + position WHERE position < 0`, [one, other]);
    }
  },
  remove: async (from: number, to = from) => {
    for (const table of ['audit_log', 'audit_disclosures'])
      await superuser.sql(`DELETE FROM ${table} WHERE position BETWEEN $1 AND $2`, [from, to]);
  },
  /** Puts an older state of the log in the place of the present one. */
  rollBackTo: async (size: number) => {
    await superuser.remove(size + 1, log.size);
    await superuser.rebuildTree();
    await superuser.sql('DELETE FROM audit_checkpoints WHERE size > $1', [size]);
  },
  /** Writes another history, and signs it with a key of one's own. */
  signAnew: async () => {
    const evil = makeLogSigner(log.signer.name);
    const rows = await superuser.sql<{ entry: string }>('SELECT entry FROM audit_log ORDER BY position');
    const leaves = rows.map(({ entry }) => leafOf(entry));
    const checkpoints = await superuser.sql<{ size: number }>('SELECT size FROM audit_checkpoints ORDER BY size');
    for (const { size } of checkpoints) {
      const root = rootOf(leaves.slice(0, size));
      await superuser.sql('UPDATE audit_checkpoints SET root_hash = $2, note = $3 WHERE size = $1', [
        size,
        root,
        evil.checkpoint(size, root),
      ]);
    }
    await superuser.sql('UPDATE audit_head SET signing_key = $1', [evil.line]);
    return evil;
  },
};
type Superuser = typeof superuser;

/** Verifies a log after an attack, which is then undone. */
const afterAttack = async (attack: (by: Superuser) => Promise<unknown>, given?: () => Given) => {
  await superuser.sql('BEGIN');
  try {
    await superuser.sql('SET LOCAL session_replication_role = replica');
    await attack(superuser);
    return await verify(given?.());
  } finally {
    await superuser.sql('ROLLBACK');
  }
};

type Attack = {
  what: string;
  by: (by: Superuser) => Promise<unknown>;
  found: Pick<Finding, 'kind'> & { at?: number | [number, number] | null; says: RegExp };
  given?: () => Given;
};

/** What everybody can rewrite who can write to the database: entries, hashes, tiles, edge and root, all agreeing. */
const consistently = (attack: (by: Superuser) => Promise<unknown>) => async (by: Superuser) => {
  await attack(by);
  await by.rebuildTree();
};
const edited = async (by: Superuser, position = 200) => {
  await by.editEntry(position);
  await by.rehash(position);
};
const deletedAndRenumbered = async (by: Superuser) => {
  await by.remove(200);
  await by.shift(201, -1);
};
const inserted = async (by: Superuser) => {
  await by.shift(200, 1);
  await by.sql(`INSERT INTO audit_log SELECT (jsonb_populate_record(l, jsonb_build_object('position', 200, 'id', gen_random_uuid(),
    'entry', replace(entry, l.id::text, '00000000-0000-4000-8000-000000000000')))).* FROM audit_log l WHERE position = 199`);
  await by.sql(`UPDATE audit_log SET id = '00000000-0000-4000-8000-000000000000' WHERE position = 200`);
  await by.sql('INSERT INTO audit_disclosures SELECT 200, disclosures, ip_address FROM audit_disclosures WHERE position = 199');
  await by.rehash(200);
};
const pinOf = (index: number) => () => ({ pins: [log.notes[index] ?? ''] });
const setState =
  (assignments: string, environment = 'production', key = 'checkout') =>
  (by: Superuser) =>
    by.sql(
      `UPDATE feature_flag_states SET ${assignments} WHERE environment_key = $1 AND flag_id = (SELECT id FROM feature_flags WHERE key = $2)`,
      [environment, key],
    );

const attacks: Attack[] = [
  {
    what: 'edits an entry',
    by: (by) => by.editEntry(200),
    found: { kind: 'entry', at: 200, says: /position 200 was changed.*leaf_hash/ },
  },
  {
    what: 'edits an entry and its leaf_hash',
    by: edited,
    found: { kind: 'entry', at: 200, says: /position 200 was changed.*its tile/ },
  },
  {
    what: 'edits an entry and its leaf_hash where there is no tile yet',
    by: (by) => edited(by, 570),
    found: { kind: 'root', at: [541, 591], says: /positions 541 to 591 was changed, removed, inserted or reordered/ },
  },
  {
    what: 'edits an entry, its leaf_hash, the tiles, the edge and the root consistently',
    by: consistently(edited),
    found: {
      kind: 'root',
      at: [101, 300],
      says: /Up to position 100 all is as it was signed; what stands at positions 101 to 300/,
    },
  },
  {
    what: 'edits a column, which queries show',
    by: (by) => by.sql("UPDATE audit_log SET actor_id = 'somebody-else' WHERE position = 50"),
    found: { kind: 'column', at: 50, says: /column actor_id at position 50 says "somebody-else", but the entry says "user-/ },
  },
  {
    what: 'edits the column that says that an event concerns all environments',
    by: (by) => by.sql('UPDATE audit_log SET all_environments = NOT all_environments WHERE position = 50'),
    found: { kind: 'column', at: 50, says: /all_environments/ },
  },
  {
    what: 'edits the address by which events are found',
    by: (by) => by.sql("UPDATE audit_disclosures SET ip_address = '198.51.100.7' WHERE position = 50"),
    found: { kind: 'column', at: 50, says: /audit_disclosures\.ip_address/ },
  },
  {
    what: 'moves the instant of a seal back',
    by: (by) => by.sql("UPDATE audit_log SET sealed_at = sealed_at - interval '1 hour' WHERE position = 50"),
    found: { kind: 'column', at: 50, says: /sealed_at at position 50 is earlier/ },
  },
  {
    what: 'takes an instant away from an entry',
    by: (by) => by.sql("UPDATE audit_log SET occurred_at = 'infinity' WHERE position = 50"),
    found: { kind: 'column', at: 50, says: /occurred_at at position 50/ },
  },
  {
    what: 'puts the instant of a seal out of time',
    by: (by) => by.sql("UPDATE audit_log SET sealed_at = 'infinity' WHERE position = 50"),
    found: { kind: 'column', at: 50, says: /position 50 lacks its entry, its hash or a real instant/ },
  },
  {
    what: 'empties a row',
    by: async (by) => {
      await by.sql('ALTER TABLE audit_log ALTER entry DROP NOT NULL');
      await by.sql('UPDATE audit_log SET entry = NULL WHERE position = 50');
    },
    found: { kind: 'column', at: 50, says: /position 50 lacks its entry/ },
  },
  {
    what: 'edits a disclosure',
    by: (by) => by.sql(`UPDATE audit_disclosures SET disclosures = replace(disclosures, 'User', 'Abuser') WHERE position = 40`),
    found: { kind: 'disclosure', at: 40, says: /position 40 was changed, or belongs to another event/ },
  },
  {
    what: 'swaps the disclosures of two events',
    by: (by) => by.swap(40, 41, ['audit_disclosures']),
    found: { kind: 'disclosure', at: 40, says: /belongs to another event/ },
  },
  {
    what: 'adds a disclosure',
    by: (by) =>
      by.sql(
        `UPDATE audit_disclosures SET disclosures = disclosures || E'\\n["AAAAAAAAAAAAAAAAAAAAAA","email","x@example.com"]' WHERE position = 40`,
      ),
    found: { kind: 'disclosure', at: 40, says: /has no digest of it/ },
  },
  {
    what: 'removes a disclosure as if its person were erased',
    by: (by) =>
      by.sql(
        `UPDATE audit_disclosures SET disclosures = substr(disclosures, strpos(disclosures, E'\\n') + 1) WHERE position = 40`,
      ),
    found: { kind: 'disclosure', at: 40, says: /missing, and no person\.erased event/ },
  },
  {
    what: 'removes all disclosures of an event',
    by: (by) => by.sql('DELETE FROM audit_disclosures WHERE position = 40'),
    found: { kind: 'disclosure', at: 40, says: /missing, and no person\.erased event/ },
  },
  {
    what: 'adds disclosures without an entry',
    by: (by) => by.sql("INSERT INTO audit_disclosures VALUES (5000, '', null)"),
    found: { kind: 'extra', at: 5000, says: /disclosures at position 5000, but no entry/ },
  },
  {
    what: 'deletes an entry in the middle',
    by: (by) => by.remove(200),
    found: { kind: 'missing', at: 200, says: /no entry at position 200/ },
  },
  {
    what: 'deletes an entry in the middle and renumbers the others',
    by: deletedAndRenumbered,
    found: { kind: 'entry', at: 200, says: /stands in the wrong place/ },
  },
  {
    what: 'deletes an entry in the middle, renumbers the others and makes the tree anew',
    by: consistently(deletedAndRenumbered),
    found: { kind: 'root', at: [101, 300], says: /positions 101 to 300/ },
  },
  {
    what: 'deletes the last entries',
    by: (by) => by.remove(590, 591),
    found: { kind: 'missing', at: [590, 591], says: /no entry at positions 590 to 591/ },
  },
  {
    what: 'deletes the last entries and rolls the head back',
    by: consistently((by) => by.remove(560, 591)),
    found: {
      kind: 'rollback',
      at: [560, 591],
      says: /size 591 was signed, but the log ends at position 559: .* positions 560 to 591 is gone/,
    },
  },
  {
    what: 'rolls back to an older copy of the database, where a pin was kept',
    by: (by) => by.rollBackTo(540),
    given: pinOf(3),
    found: {
      kind: 'rollback',
      at: [541, 591],
      says: /Your pin 'pin 1' of size 591 was signed, but the log ends at position 540/,
    },
  },
  { what: 'inserts an entry', by: inserted, found: { kind: 'entry', at: 200, says: /position 200/ } },
  {
    what: 'inserts an entry and makes the tree anew',
    by: consistently(inserted),
    found: { kind: 'root', at: [101, 300], says: /positions 101 to 300/ },
  },
  {
    what: 'appends an entry behind the end that the head knows',
    by: (by) =>
      by.sql(`INSERT INTO audit_log SELECT (jsonb_populate_record(l, jsonb_build_object('position', 592, 'id', gen_random_uuid()))).*
        FROM audit_log l WHERE position = 591`),
    found: { kind: 'extra', at: 592, says: /entries at position 592, but the log ends at position 591/ },
  },
  {
    what: 'swaps two entries',
    by: (by) => by.swap(200, 201),
    found: { kind: 'entry', at: 200, says: /stands in the wrong place/ },
  },
  {
    what: 'swaps two entries and makes the tree anew',
    by: consistently((by) => by.swap(200, 201)),
    found: { kind: 'root', at: [101, 300], says: /reordered/ },
  },
  {
    what: 'truncates the log',
    by: (by) => by.sql('TRUNCATE audit_log, audit_disclosures'),
    found: { kind: 'missing', at: [1, 256], says: /no entry at positions 1 to 256/ },
  },
  {
    what: 'truncates the log and everything that the database keeps of it, except checkpoints',
    by: async (by) => {
      await by.sql('TRUNCATE audit_log, audit_disclosures');
      await by.rebuildTree();
    },
    found: { kind: 'rollback', at: [1, 591], says: /the log ends at position 0/ },
  },
  {
    what: 'puts a new log in the place of this one, where a pin was kept',
    by: async (by) => {
      await by.sql('TRUNCATE audit_log, audit_disclosures, audit_checkpoints');
      await by.rebuildTree();
      await by.sql('UPDATE audit_head SET log_id = gen_random_uuid(), signing_key = NULL');
    },
    given: pinOf(0),
    found: { kind: 'key', at: null, says: /another log stands in its place/ },
  },
  {
    what: 'forks the log: two checkpoints of one size, both signed',
    by: async (by) => {
      const root = log.root(299);
      await by.sql('ALTER TABLE audit_checkpoints DROP CONSTRAINT audit_checkpoints_pkey');
      await by.sql('INSERT INTO audit_checkpoints VALUES (1, 300, $1, $2, now())', [root, log.signer.checkpoint(300, root)]);
    },
    found: { kind: 'fork', at: [101, 300], says: /Two checkpoints of size 300 are signed with different roots/ },
  },
  {
    what: 'shows somebody else another history, of which that person kept a checkpoint',
    by: async () => {},
    given: () => ({ pins: [log.signer.checkpoint(300, log.root(299))] }),
    found: { kind: 'fork', at: [101, 300], says: /showed different histories to different people/ },
  },
  {
    what: 'writes another history and signs it with another key',
    by: async (by) => {
      await consistently(edited)(by);
      await by.signAnew();
    },
    found: { kind: 'key', at: [1, 591], says: /none of the keys that count.*somebody signed the log anew/ },
  },
  {
    what: 'signs the same history with another key, where a pin was kept and no key',
    by: (by) => by.signAnew(),
    given: () => ({ keys: [], pins: [log.notes[3] ?? ''] }),
    found: { kind: 'key', says: /none of the keys that count in this database/ },
  },
  {
    what: 'signs a checkpoint in the name of the key, without having it',
    by: async (by) => {
      const forged = makeLogSigner(log.signer.name).checkpoint(300, log.root(300));
      const mine = log.notes[1]?.split(' ').at(-1) ?? '';
      const id = Buffer.from(mine, 'base64').subarray(0, 4);
      const signature = Buffer.from(forged.trimEnd().split(' ').at(-1) ?? '', 'base64').subarray(4);
      const line = `— ${log.signer.name} ${Buffer.concat([id, signature]).toString('base64')}`;
      await by.sql('UPDATE audit_checkpoints SET note = $1 WHERE size = 300', [forged.replace(/— .*/u, line)]);
    },
    found: { kind: 'checkpoint', at: 300, says: /size 300 is not signed by the key that it names/ },
  },
  {
    what: 'edits the columns beside a checkpoint',
    by: (by) => by.sql("UPDATE audit_checkpoints SET root_hash = sha256('x') WHERE size = 300"),
    found: { kind: 'checkpoint', at: 300, says: /do not say what its signed note says/ },
  },
  {
    what: 'deletes a checkpoint, which somebody has pinned',
    by: (by) => by.sql('DELETE FROM audit_checkpoints WHERE size = 300'),
    given: pinOf(1),
    found: { kind: 'checkpoint', at: 300, says: /the database does not have that checkpoint any more/ },
  },
  {
    what: 'begins a new epoch without saying so in the log',
    by: async (by) => {
      const note = log.signer.checkpoint(591, log.root(591), `${log.signer.name}/2`);
      await by.sql('INSERT INTO audit_checkpoints VALUES (2, 591, $1, $2, now())', [log.root(591), note]);
    },
    found: { kind: 'epoch', at: 591, says: /no log\.epoch_started event/ },
  },
  {
    what: 'removes a tile',
    by: (by) => by.sql('DELETE FROM audit_tiles WHERE level = 0 AND index = 1'),
    found: { kind: 'tile', at: [257, 512], says: /tile 1 of level 0.*is missing/ },
  },
  {
    what: 'edits a tile',
    by: (by) => by.sql('UPDATE audit_tiles SET hashes = set_byte(hashes, 32 * 9, get_byte(hashes, 32 * 9) # 1) WHERE index = 0'),
    found: { kind: 'entry', at: 10, says: /its hash is not the one in its tile/ },
  },
  {
    what: "edits a tile's root",
    by: (by) => by.sql("UPDATE audit_tiles SET root_hash = sha256('x') WHERE index = 1"),
    found: { kind: 'tile', at: [257, 512], says: /The root that is stored beside/ },
  },
  {
    what: 'edits the root that the head keeps',
    by: (by) => by.sql("UPDATE audit_head SET root_hash = sha256('x')"),
    found: { kind: 'head', at: 591, says: /the head row was/ },
  },
  {
    what: 'raises pruned_to without an event',
    by: async (by) => {
      await by.remove(1, 256);
      await by.sql('UPDATE audit_head SET pruned_to = 256');
    },
    found: { kind: 'pruned', at: [1, 256], says: /no log\.pruned event of the log declares that/ },
  },
  {
    what: 'hides how many events were lost',
    by: (by) => by.sql('UPDATE audit_head SET lost_by_applications = 7'),
    found: { kind: 'head', at: null, says: /The head says that 7 events of applications were lost.*declare 0/ },
  },
  {
    what: 'hides what a person did, as if that person were erased',
    by: (by) => by.sql("INSERT INTO audit_erasures VALUES ('user-7', now(), 591, 0, 1, 0)"),
    found: { kind: 'disclosure', at: null, says: /audit_erasures hides the data of the actor 'user-7'/ },
  },
  { what: 'deletes the head', by: (by) => by.sql('DELETE FROM audit_head'), found: { kind: 'head', at: null, says: /no row/ } },
  {
    what: 'enables a flag behind the log',
    by: setState('enabled = false'),
    found: {
      kind: 'state',
      at: 5,
      says: /Flag 'checkout' in production: the log says that enabled is true \(position 5\), but the table feature_flag_states says false/,
    },
  },
  {
    what: "changes a flag's rollout behind the log",
    by: setState('rollout_percentage = 99'),
    found: { kind: 'state', at: 5, says: /rolloutPercentage is 25 \(position 5\).*says 99/ },
  },
  {
    what: "changes a flag's rules behind the log, in an environment that is younger than the flag",
    by: setState(`rules = '[{"key":"x","description":null,"targeting":true}]'`, 'qa'),
    found: { kind: 'state', at: 4, says: /Flag 'checkout' in qa: the log says that rules is \[\]/ },
  },
  {
    what: 'undoes what a schedule applied',
    by: setState('enabled = false', 'staging'),
    found: { kind: 'state', says: /Flag 'checkout' in staging: the log says that enabled is true/ },
  },
  {
    what: 'archives a flag behind the log',
    by: (by) => by.sql("UPDATE feature_flags SET status = 'ARCHIVED' WHERE key = 'search'"),
    found: { kind: 'state', at: 2, says: /Flag 'search': the log says that status is "ACTIVE" \(position 2\).*says "ARCHIVED"/ },
  },
  {
    what: 'deletes a flag behind the log',
    by: (by) => by.sql("DELETE FROM feature_flags WHERE key = 'search'"),
    found: { kind: 'state', at: 2, says: /Flag 'search'.*deleted without an event/ },
  },
  {
    what: 'creates a flag behind the log',
    by: (by) =>
      by.sql(
        "INSERT INTO feature_flags (id, key, name, created_at, updated_at) VALUES (gen_random_uuid(), 'new', 'New', now(), now())",
      ),
    found: { kind: 'state', at: null, says: /Flag 'new'.*no event of the log created it/ },
  },
  {
    what: 'deletes a state behind the log',
    by: (by) => by.sql("DELETE FROM feature_flag_states WHERE environment_key = 'qa' AND enabled"),
    found: { kind: 'state', says: /Flag 'search' in qa.*deleted without an event/ },
  },
  {
    what: 'disables an environment behind the log',
    by: (by) => by.sql("UPDATE environments SET enabled = false WHERE key = 'production'"),
    found: { kind: 'state', at: null, says: /Environment 'production'.*disabled/ },
  },
  {
    what: 'disables a created environment behind the log',
    by: (by) => by.sql("UPDATE environments SET enabled = false WHERE key = 'qa'"),
    found: { kind: 'state', at: 4, says: /Environment 'qa'.*enabled is true \(position 4\)/ },
  },
  {
    what: 'moves a schedule behind the log',
    by: (by) =>
      by.sql("UPDATE feature_flag_schedules SET scheduled_at = scheduled_at + interval '1 day' WHERE status = 'PENDING'"),
    found: { kind: 'state', says: /schedule .* of flag 'search' in production: the log says that scheduledAt/ },
  },
  {
    what: 'cancels a schedule behind the log',
    by: (by) => by.sql("UPDATE feature_flag_schedules SET status = 'CANCELLED' WHERE status = 'PENDING'"),
    found: { kind: 'state', says: /still open.*says CANCELLED/ },
  },
  {
    what: 'makes an applied schedule pending again',
    by: (by) => by.sql("UPDATE feature_flag_schedules SET status = 'PENDING' WHERE status = 'APPLIED'"),
    found: { kind: 'state', says: /last word on it is flag_schedule\.applied/ },
  },
];

describe('a superuser who switches the triggers off is found', () => {
  it.each(attacks)('when he $what', async ({ by, found: { kind, at, says }, given }) => {
    const report = await afterAttack(by, given);
    const [from, to] = Array.isArray(at) ? at : [at, at];
    expect(report.finding?.sentence).toMatch(says);
    expect(report.finding).toMatchObject({ kind, ...(at !== undefined && { from, to }) });
    expect(exitCodeOf(report)).toBe(1);
  });
});

describe('what was not touched', () => {
  it('is good', async () => {
    const report = await verify({ pins: [log.notes[1] ?? ''] });
    expect(report).toMatchObject({
      outcome: 'good',
      reason: null,
      finding: null,
      size: log.size,
      signedTo: log.size,
      warnings: [],
    });
    expect(report.states).toEqual({ flags: 2, states: 8, environments: 4, schedules: 1, notChecked: {} });
    expect(report.checked).toMatchObject({ entries: log.size, tiles: 2, checkpoints: 4, pins: 1, erased: 0, pruned: 0 });
    expect(exitCodeOf(report)).toBe(0);
  });

  it('is good with no key at all, but the report says that whoever writes the database could have signed it', async () => {
    const report = await verify({ keys: [] });
    expect(report).toMatchObject({ outcome: 'good', warnings: [expect.stringContaining('No --key was given')] });
  });
});

describe('the verification says that it could not check', () => {
  it('when all checkpoints are deleted, because nobody has signed what is there', async () => {
    const report = await afterAttack((by) => by.sql('DELETE FROM audit_checkpoints'));
    expect([report.reason, exitCodeOf(report)]).toEqual([expect.stringContaining('there is no checkpoint'), 2]);
  });

  it('when the pin is no note, or the key is no verifier line', async () => {
    const reports = [await verify({ pins: ['no note'] }), await verify({ keys: ['no key'] })];
    expect(reports.map(exitCodeOf)).toEqual([2, 2]);
    expect(reports.map(({ reason }) => reason)).toEqual([
      expect.stringContaining("pin 'pin 1'"),
      expect.stringContaining("'no key'"),
    ]);
  });

  it('when events that could explain a state wait in the spool of a process', async () => {
    const report = await afterAttack(async (by) => {
      await setState('enabled = false')(by);
      await by.sql(`INSERT INTO service_processes (id, roles, version, host, pid, detail)
        VALUES (gen_random_uuid(), '{api}', '1', 'h', 1, '{"spool":{"waiting":3,"lost":0}}')`);
    });
    expect([report.reason, exitCodeOf(report)]).toEqual([expect.stringContaining('3 events wait in the spools'), 2]);
  });
});
