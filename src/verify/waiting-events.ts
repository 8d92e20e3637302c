import type { Query } from './database-source.ts';
import { type JsonObject, readEvent } from './event.ts';
import type { Verification } from './verification.ts';

/** What waits for a position: the log does not say it yet, but the tables may already be so. */
export type Waiting = { flagKeys: ReadonlySet<string>; environments: ReadonlySet<string>; events: number };

const atOnce = 1000;

/** Reads the outbox: what it holds may declare what is missing, and explains states that the log does not know yet. */
export const expectWaiting = async (query: Query, verification: Pick<Verification, 'expect'>): Promise<Waiting> => {
  const flagKeys = new Set<string>();
  const environments = new Set<string>();
  const note = (lines: string) => {
    const [entry = '', ...disclosures] = lines.split('\n');
    const fields = read(entry, disclosures);
    if (!fields) return;
    const { eventType, flagKey, environment } = fields;
    verification.expect(fields);
    if (typeof flagKey === 'string') flagKeys.add(flagKey);
    if (typeof eventType === 'string' && eventType.startsWith('environment.') && typeof environment === 'string')
      environments.add(environment);
  };
  let events = 0;
  for (let after = '0'; ; ) {
    const rows = await query<{ id: string; event: string }>(
      `SELECT id::text AS id, event FROM audit_outbox WHERE id > $1::bigint ORDER BY id LIMIT ${atOnce}`,
      after,
    );
    for (const { event } of rows) note(event);
    events += rows.length;
    const last = rows.at(-1);
    if (!last || rows.length < atOnce) return { flagKeys, environments, events };
    after = last.id;
  }
};

const read = (entry: string, disclosures: readonly string[]): JsonObject | null => {
  try {
    const encoded = disclosures.map((line) => Buffer.from(line, 'utf8').toString('base64url'));
    return readEvent(0, Buffer.from(entry, 'utf8'), encoded).fields;
  } catch {
    // Nothing that waits is part of the log: the sequencer looks at it when its turn comes.
    return null;
  }
};
