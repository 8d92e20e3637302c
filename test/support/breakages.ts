import type { TestDatabase } from './databases.ts';

/** Ways in which the path of events into the database breaks, each with its repair. */
export type Breakage = { title: string; break: string /** It happens where audit_emit itself catches it. */; inside?: true };

const replaceEmit = (body: string) =>
  `CREATE OR REPLACE FUNCTION audit_emit(events text[]) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`;
/** A trigger on inserts into the outbox; audit_emit catches its error. */
const refuseInserts = (body: string) =>
  `CREATE FUNCTION refuse_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$;
   CREATE TRIGGER refuse_events BEFORE INSERT ON audit_outbox FOR EACH ROW EXECUTE FUNCTION refuse_events()`;

export const breakages: Breakage[] = [
  { title: 'raises', break: replaceEmit(`RAISE EXCEPTION 'broken';`) },
  { title: 'raises a serialization failure', break: replaceEmit(`RAISE EXCEPTION 'broken' USING ERRCODE = '40001';`) },
  { title: 'returns null', break: replaceEmit('RETURN NULL;') },
  { title: 'takes fewer events than it was given', break: replaceEmit('RETURN 0;') },
  { title: 'is gone', break: 'DROP FUNCTION audit_emit(text[])' },
  { title: 'has another signature', break: 'ALTER FUNCTION audit_emit(text[]) RENAME TO audit_emit_renamed' },
  { title: 'has no table to insert into', break: 'ALTER TABLE audit_outbox RENAME TO audit_outbox_renamed', inside: true },
  { title: 'finds the table changed', break: 'ALTER TABLE audit_outbox RENAME COLUMN event TO entry', inside: true },
  { title: 'is refused by the table', break: refuseInserts(`RAISE EXCEPTION 'no';`), inside: true },
  { title: 'meets a failed assertion', break: refuseInserts('ASSERT false;'), inside: true },
  { title: 'is cancelled', break: refuseInserts(`RAISE EXCEPTION 'cancelled' USING ERRCODE = 'query_canceled';`), inside: true },
];

/** Breaks the path, and returns the function that restores what the migration made. */
export const breakEmit = async ({ database, sql }: TestDatabase, breakage: Breakage): Promise<() => Promise<void>> => {
  const [original] = await sql<{ definition: string }>(
    `SELECT pg_get_functiondef('audit_emit(text[])'::regprocedure) AS definition`,
  );
  await database.runScript(breakage.break);
  return async () => {
    await database.runScript(`
      DO $$ BEGIN
        IF to_regclass('audit_outbox_renamed') IS NOT NULL THEN ALTER TABLE audit_outbox_renamed RENAME TO audit_outbox; END IF;
        IF EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'audit_outbox'::regclass AND attname = 'entry') THEN
          ALTER TABLE audit_outbox RENAME COLUMN entry TO event;
        END IF;
      END $$;
      DROP FUNCTION IF EXISTS refuse_events() CASCADE;
      DROP FUNCTION IF EXISTS audit_emit_renamed(text[]);
      DROP FUNCTION IF EXISTS audit_emit(text[]);
      ${original?.definition}`);
  };
};
