import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { TestDatabase } from './databases.ts';

// Keys, notes and trees of the tests' own, written from the specifications: neither the service's code nor the verifier's.

const sha256 = (...parts: (string | Uint8Array)[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

/** RFC 6962, section 2.1: the hash of a list of leaves, by its definition. */
export const rootOf = (leaves: readonly Buffer[]): Buffer => {
  const [only] = leaves;
  if (!only) return sha256();
  if (leaves.length === 1) return only;
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(Uint8Array.of(1), rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
};

export const leafOf = (entry: string | Buffer): Buffer => sha256(Uint8Array.of(0), entry);

export type LogSigner = ReturnType<typeof makeLogSigner>;

/** An Ed25519 key with a name, and the notes that it signs. */
export const makeLogSigner = (name: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const bytes = Buffer.concat([Uint8Array.of(1), publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)]);
  const id = sha256(name, '\n', bytes).subarray(0, 4);
  const line = `${name}+${id.toString('hex')}+${bytes.toString('base64')}`;
  /** Signs a text, which ends with a newline. */
  const note = (text: string) =>
    `${text}\n— ${name} ${Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString('base64')}\n`;
  return {
    name,
    line,
    note,
    checkpoint: (size: number, root: Buffer, origin = name) => note(`${origin}\n${size}\n${root.toString('base64')}\n`),
    handover: (to: string) => note(`${to}\n`),
  };
};

/** The leaf hashes of a log in a database, as its entries are now. */
export const readLeaves = async ({ sql }: Pick<TestDatabase, 'sql'>): Promise<Buffer[]> =>
  (await sql<{ entry: string }>('SELECT entry FROM audit_log ORDER BY position')).map(({ entry }) => leafOf(entry));

export const logNameOf = async ({ sql }: Pick<TestDatabase, 'sql'>): Promise<string> =>
  `flagtrail/${(await sql<{ id: string }>('SELECT log_id::text AS id FROM audit_head'))[0]?.id}`;

/** Signs the log at these sizes, as the service does after its commits, and returns the notes. */
export const signLog = async (
  { sql }: Pick<TestDatabase, 'sql'>,
  signer: LogSigner,
  sizes: readonly number[],
  { epoch = 1, leaves: given }: { epoch?: number; leaves?: readonly Buffer[] } = {},
): Promise<string[]> => {
  const leaves = given ?? (await readLeaves({ sql }));
  const name = await logNameOf({ sql });
  const notes: string[] = [];
  for (const size of sizes) {
    const root = rootOf(leaves.slice(0, size));
    const note = signer.checkpoint(size, root, epoch === 1 ? name : `${name}/${epoch}`);
    await sql(
      'INSERT INTO audit_checkpoints (epoch, size, root_hash, note, signed_at) VALUES ($1, $2, $3, $4, clock_timestamp())',
      [epoch, size, root, note],
    );
    notes.push(note);
  }
  await sql('UPDATE audit_head SET signing_key = $1', [signer.line]);
  return notes;
};
