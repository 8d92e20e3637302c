import type { Columns } from './columns.ts';
import { CouldNotCheck, positions, Tampered } from './outcome.ts';
import type { Leaf, Source, StoredCheckpoint, StoredTile } from './source.ts';
import { hashLength, tileWidth } from './tree.ts';

/** Asks the database; parameters are $1, $2 … All answers must be of one instant: a REPEATABLE READ transaction. */
export type Query = <Row>(sql: string, ...params: readonly unknown[]) => Promise<Row[]>;

type HeadRow = {
  size: bigint | number;
  log_id: string;
  edge: Uint8Array;
  root_hash: Uint8Array;
  pruned_to: bigint | number;
  signing_key: string | null;
};
type LogRow = Columns & {
  position: bigint | number;
  sealed_at: Date;
  entry: string;
  leaf_hash: Uint8Array;
  disclosures: string | null;
  disclosed_ip: string | null;
};
type TileRow = { index: bigint | number; hashes: Uint8Array; root_hash: Uint8Array };

/** Rows at once: as many as fit into `pageBytes`, of entries like those before. */
const rows = { first: 256, least: 16, most: 2048 } as const;
const pageBytes = 4 * 1024 * 1024;
const checkpointsAtOnce = 1000;

const leafColumns = `l.id::text AS id, l.occurred_at, l.event_type, l.actor_type, l.actor_id, l.flag_key,
  l.schedule_id::text AS schedule_id, l.environment, l.workspace_id, l.resource_type, l.resource_id, l.request_id, l.api_key_id,
  l.ip_address, l.result, l.all_environments`;

const isInstant = (value: unknown): boolean => value instanceof Date && !Number.isNaN(value.getTime());

/** The bytes that `SELECT` gave, as a Buffer. */
const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const splitHashes = (bytes: Buffer): Buffer[] =>
  Array.from({ length: Math.floor(bytes.length / hashLength) }, (_, n) => bytes.subarray(n * hashLength, (n + 1) * hashLength));

/** The log in a database, with everything that the database keeps beside it. `signingKey` is the key that it names itself. */
export const openDatabaseSource = async (query: Query): Promise<Source & { signingKey: string | null }> => {
  const [head, second] = await query<HeadRow>(
    'SELECT size, log_id::text AS log_id, edge, root_hash, pruned_to, signing_key FROM audit_head',
  );
  if (!head || second) throw new Tampered('head', null, `The table audit_head has ${second ? 'more than one row' : 'no row'}.`);
  const size = Number(head.size);
  const prunedTo = Number(head.pruned_to);

  /** Level-0 tiles of the page that is read, by index. */
  let tiles = new Map<number, StoredTile>();
  const readTiles = async (from: number, to: number): Promise<void> => {
    const [first, last] = [Math.floor((from - 1) / tileWidth), Math.floor((to - 1) / tileWidth)];
    const found = await query<TileRow>(
      'SELECT index, hashes, root_hash FROM audit_tiles WHERE level = 0 AND index BETWEEN $1::bigint AND $2::bigint',
      first,
      last,
    );
    tiles = new Map(
      found.map(({ index, hashes, root_hash }) => [Number(index), { hashes: toBuffer(hashes), root: toBuffer(root_hash) }]),
    );
  };
  const tileHash = (position: number): Leaf['kept'] => {
    const tile = tiles.get(Math.floor((position - 1) / tileWidth));
    const at = ((position - 1) % tileWidth) * hashLength;
    const hash = tile?.hashes.subarray(at, at + hashLength);
    return hash?.length === hashLength ? [{ where: 'its tile', hash }] : [];
  };

  let sealedAt = Number.NEGATIVE_INFINITY;
  const toLeaf = (row: LogRow): Leaf => {
    const position = Number(row.position);
    // The table allows neither, but whoever owns it can make it.
    if (typeof row.entry !== 'string' || !row.leaf_hash || !isInstant(row.sealed_at))
      throw new Tampered(
        'column',
        position,
        `The row at position ${position} lacks its entry, its hash or a real instant of its seal.`,
      );
    if (row.sealed_at.getTime() < sealedAt)
      throw new Tampered('column', position, `The column sealed_at at position ${position} is earlier than the one before.`);
    sealedAt = row.sealed_at.getTime();
    const lines = row.disclosures?.split('\n').filter((line) => line !== '') ?? [];
    return {
      position,
      entry: Buffer.from(row.entry, 'utf8'),
      kept: [{ where: 'the column leaf_hash', hash: toBuffer(row.leaf_hash) }, ...tileHash(position)],
      columns: row,
      disclosures: lines.map((line) => Buffer.from(line, 'utf8').toString('base64url')),
    };
  };

  async function* leaves(after: number): AsyncGenerator<readonly Leaf[]> {
    let limit: number = rows.first;
    for (let from = after + 1; from <= size; ) {
      const to = Math.min(from + limit - 1, size);
      await readTiles(from, to);
      const found = await query<LogRow>(
        `SELECT l.position, l.sealed_at, l.entry, l.leaf_hash, ${leafColumns}, d.disclosures, d.ip_address AS disclosed_ip
         FROM audit_log l LEFT JOIN audit_disclosures d USING (position)
         WHERE l.position BETWEEN $1::bigint AND $2::bigint ORDER BY l.position`,
        from,
        to,
      );
      const page: Leaf[] = [];
      for (const row of [...found, null]) {
        const position = row ? Number(row.position) : to + 1;
        page.push(...gap(from + page.length, position - 1));
        if (row && position < from + page.length)
          throw new Tampered('extra', position, `There is more than one entry at position ${position}.`);
        if (row) page.push(toLeaf(row));
      }
      yield page;
      const bytes = found.reduce((sum, { entry, disclosures }) => sum + entry.length + (disclosures?.length ?? 0), 1);
      limit = Math.min(Math.max(Math.floor((pageBytes * found.length) / bytes), rows.least), rows.most);
      from = to + 1;
    }
  }
  /** Places without a row: pruned, or missing. */
  const gap = (from: number, to: number): Leaf[] => {
    if (from > to) return [];
    if (to > prunedTo) {
      const [first, last] = [Math.max(from, prunedTo + 1), to];
      throw new Tampered('missing', [first, last], `The log has no entry at ${positions(first, last)}.`);
    }
    return Array.from({ length: to - from + 1 }, (_, n) => {
      const position = from + n;
      return { position, entry: null, kept: tileHash(position), columns: null, disclosures: null };
    });
  };

  async function* checkpoints(): AsyncGenerator<StoredCheckpoint> {
    for (let last = { size: -1, epoch: 0 }; ; ) {
      const found = await query<{ epoch: number; size: bigint | number; root_hash: Uint8Array; note: string }>(
        `SELECT epoch, size, root_hash, note FROM audit_checkpoints WHERE (size, epoch) > ($1::bigint, $2::int)
         ORDER BY size, epoch LIMIT ${checkpointsAtOnce}`,
        last.size,
        last.epoch,
      );
      for (const { epoch, size: at, root_hash, note } of found) {
        last = { size: Number(at), epoch };
        yield { note, row: { ...last, root: toBuffer(root_hash) } };
      }
      if (found.length < checkpointsAtOnce) return;
    }
  }

  return {
    kind: 'database',
    signingKey: head.signing_key,
    head: {
      size,
      log: `flagtrail/${head.log_id}`,
      edge: splitHashes(toBuffer(head.edge)),
      root: toBuffer(head.root_hash),
      prunedTo,
    },
    checkpoints,
    leaves,
    tile: async (level, index) => {
      const atHand = level === 0 ? tiles.get(index) : undefined;
      if (atHand) return atHand;
      const [found] = await query<TileRow>(
        'SELECT index, hashes, root_hash FROM audit_tiles WHERE level = $1::int AND index = $2::bigint',
        level,
        index,
      );
      return found ? { hashes: toBuffer(found.hashes), root: toBuffer(found.root_hash) } : null;
    },
    hasPartialTiles: false,
    checkRest: () => checkRest(query, { size, prunedTo }),
  };
};

/** Rows that belong to no entry of the log. */
const checkRest = async (query: Query, { size, prunedTo }: { size: number; prunedTo: number }): Promise<void> => {
  const [beyond] = await query<{ first: bigint | number | null; last: bigint | number | null }>(
    'SELECT min(position) AS first, max(position) AS last FROM audit_log WHERE position > $1::bigint OR position < 1',
    size,
  );
  if (beyond?.first != null)
    throw new Tampered(
      'extra',
      [Number(beyond.first), Number(beyond.last)],
      `There are entries at ${positions(Number(beyond.first), Number(beyond.last))}, but the log ends at position ${size}.`,
    );
  const [tile] = await query<{ level: number; index: bigint | number }>(
    `SELECT level, index FROM audit_tiles
     WHERE level < 0 OR index < 0 OR (index + 1) * power(256::numeric, level + 1) > $1::bigint ORDER BY level, index LIMIT 1`,
    size,
  );
  if (tile)
    throw new Tampered('extra', null, `There is a tile ${tile.index} of level ${tile.level}, and the log is too short for it.`);
  const [orphan] = await query<{ position: bigint | number }>(
    `SELECT d.position FROM audit_disclosures d LEFT JOIN audit_log l USING (position)
     WHERE l.position IS NULL AND d.position > $1::bigint ORDER BY d.position LIMIT 1`,
    prunedTo,
  );
  if (orphan)
    throw new Tampered('extra', Number(orphan.position), `There are disclosures at position ${orphan.position}, but no entry.`);
};

type Declarations = { isErased: (actorId: string) => boolean; prunedTo: () => number };

/** Whose data readers leave out, before it is removed, must be declared as well, unless what declared it was pruned with that data. */
export const checkErasures = async (query: Query, { isErased, prunedTo }: Declarations): Promise<void> => {
  for (let after = ''; ; ) {
    const found = await query<{ actor_id: string; up_to: bigint | number }>(
      `SELECT actor_id, up_to FROM audit_erasures WHERE actor_id > $1 ORDER BY actor_id LIMIT ${checkpointsAtOnce}`,
      after,
    );
    const undeclared = found.find(({ actor_id, up_to }) => !isErased(actor_id) && Number(up_to) > prunedTo());
    if (undeclared)
      throw new Tampered(
        'disclosure',
        null,
        `The table audit_erasures hides the data of the actor '${undeclared.actor_id}' from readers, and no person.erased event of the log declares that.`,
      );
    const last = found.at(-1);
    if (!last || found.length < checkpointsAtOnce) return;
    after = last.actor_id;
  }
};

/** Throws CouldNotCheck if the database is not one of Flagtrail's, or is older than what is verified. */
export const checkSchema = async (query: Query): Promise<void> => {
  const needed = ['audit_log', 'audit_head', 'audit_disclosures', 'audit_tiles', 'audit_checkpoints', 'audit_erasures'];
  const found = await query<{ name: string }>(
    `SELECT name FROM unnest(ARRAY['${needed.join("','")}']) AS name WHERE to_regclass(name) IS NULL`,
  );
  if (found.length > 0)
    throw new CouldNotCheck(
      `the database has no table ${found.map(({ name }) => name).join(', ')}: it is not Flagtrail's, or 'flagtrail migrate' was not run`,
    );
};
