import { Tampered } from '../outcome.ts';
import { type Comparison, compareFields, readTold, reasons } from './told.ts';

const table = 'environments';

/** Compares the environments with the log. Throws Tampered. Returns how many were compared. */
export const checkEnvironments = async ({ query, replay, waiting, prunedTo, skip }: Comparison): Promise<number> => {
  const rows = await query<{ key: string; name: string; enabled: boolean }>('SELECT key, name, enabled FROM environments');
  const told = await readTold(
    query,
    [...replay.environments.values()].map(({ position }) => position),
  );
  let count = 0;
  for (const { key, ...found } of rows) {
    const record = replay.environments.get(key);
    const what = `Environment '${key}'`;
    if (waiting.environments.has(key)) skip(reasons.waiting);
    else if (record?.position) {
      compareFields({ what, table, position: record.position, said: told.get(record.position) ?? {}, found }, skip);
      count++;
    } else if (prunedTo > 0) skip(reasons.pruned);
    else if (!record)
      throw new Tampered('state', null, `${what}: the table environments has it, but no event of the log created it.`);
    // One of those that exist from the start, enabled, and without an event.
    else if (!found.enabled)
      throw new Tampered(
        'state',
        null,
        `${what}: no event of the log disabled it, but the table environments says that it is disabled: it was changed without an event.`,
      );
    else count++;
  }
  const stored = new Set(rows.map(({ key }) => key));
  for (const [key, { position }] of replay.environments)
    if (!stored.has(key) && !waiting.environments.has(key) && (position !== null || prunedTo === 0))
      throw new Tampered(
        'state',
        position,
        `Environment '${key}': no event of the log deleted it, but the table environments does not have it.`,
      );
  return count;
};
