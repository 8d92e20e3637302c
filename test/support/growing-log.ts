import { sequenceOutbox } from '../../src/audit/store/outbox.ts';
import type { TestDatabase } from './databases.ts';
import { linesOf, logEntries } from './log-entries.ts';
import { emitEntries, logSize } from './tables.ts';

/** A log that tests let grow, and set back as a restore of an older copy does. */
export const growingLog = ({ sql, database }: Pick<TestDatabase, 'sql' | 'database'>, firstId = 1) => {
  let nextId = firstId;
  return {
    grow: async (count = 1): Promise<number> => {
      await emitEntries({ sql }, logEntries(nextId, nextId + count - 1).map(linesOf));
      nextId += count;
      while ((await sequenceOutbox(database.prisma, 1000)) > 0);
      return logSize({ sql });
    },
    /** Returns the function that brings the database back to what it is now. */
    copy: async (): Promise<() => Promise<void>> => {
      const [{ head } = { head: '' }] = await sql<{ head: string }>('SELECT row_to_json(h)::text AS head FROM audit_head h');
      const [{ checkpoints } = { checkpoints: '' }] = await sql<{ checkpoints: string }>(
        `SELECT coalesce(json_agg(c), '[]')::text AS checkpoints FROM audit_checkpoints c`,
      );
      return async () => {
        // A superuser's session, in which no trigger fires. One statement a call, on one connection.
        await sql('SET session_replication_role = replica');
        await sql(`DELETE FROM audit_log WHERE position > ($1::json ->> 'size')::bigint`, [head]);
        await sql(`DELETE FROM audit_disclosures WHERE position > ($1::json ->> 'size')::bigint`, [head]);
        await sql(`DELETE FROM audit_tiles WHERE (index + 1) << (8 * (level + 1)) > ($1::json ->> 'size')::bigint`, [head]);
        await sql('DELETE FROM audit_checkpoints');
        await sql('INSERT INTO audit_checkpoints SELECT * FROM json_populate_recordset(null::audit_checkpoints, $1)', [
          checkpoints,
        ]);
        await sql('DELETE FROM audit_head');
        await sql('INSERT INTO audit_head SELECT * FROM json_populate_record(null::audit_head, $1)', [head]);
        await sql('SET session_replication_role = origin');
      };
    },
  };
};
