import { parseCheckpoint, parseOrigin } from './checkpoint.ts';
import { isObject, type JsonObject, readEvent } from './event.ts';
import { type Key, parseKey, signerOf } from './note.ts';
import { CouldNotCheck, Tampered } from './outcome.ts';
import { type Claim, type Pin, parsePin } from './pending.ts';
import { provesConsistency, provesInclusion } from './proofs.ts';
import { hashLength, leafHash } from './tree.ts';

type Given = { keys: readonly string[]; pins: readonly Pin[] };

/**
 * Verifies one answer of the API, with nothing else at hand: `auditInclusionProof`, whose checkpoint must be signed by one of the
 * keys, or `auditConsistencyProof`, whose roots must be those of two pins. Returns what is proven, in a sentence. Throws Tampered,
 * CouldNotCheck.
 */
export const verifyProof = (answer: string, { keys, pins }: Given): string => {
  const proof = findProof(answer);
  const known = keys.map(parseKey);
  const claims = pins.map(parsePin);
  for (const claim of claims) requireSigner(claim, known, `the pin '${claim.pin}'`);
  return 'leafIndex' in proof ? proveInclusion(proof, known, claims) : proveConsistency(proof, claims);
};

const proveInclusion = (proof: JsonObject, keys: readonly Key[], pins: readonly Claim[]): string => {
  const { entry, leafIndex, treeSize: size, checkpoint } = proof;
  if (typeof entry !== 'string' || typeof leafIndex !== 'number' || typeof size !== 'number')
    throw new CouldNotCheck('the proof lacks entry, leafIndex or treeSize: ask for all its fields');
  const root = hashOf(proof.rootHash);
  const position = leafIndex + 1;
  const pin = pins.find((one) => one.size === size);
  const signed = pin ?? (isObject(checkpoint) && typeof checkpoint.note === 'string' ? parseCheckpoint(checkpoint.note) : null);
  if (!signed)
    throw new CouldNotCheck(
      'the proof has no checkpoint { note }: ask for it, or again in a few seconds, when the event is signed',
    );
  requireSigner({ ...signed, log: parseOrigin(signed.origin).log }, keys, 'the checkpoint of the proof');
  if (signed.size !== size || !signed.root.equals(root))
    throw new Tampered(
      'root',
      position,
      `The proof is for another tree than the one that is signed: its root at size ${size} is not that of the checkpoint.`,
    );
  const bytes = Buffer.from(entry, 'utf8');
  if (!provesInclusion({ leafIndex, size, leafHash: leafHash(bytes), root, proof: hashesOf(proof) }))
    throw new Tampered('entry', position, `The entry is not at position ${position} of the log that is signed.`);
  const { eventType, id } = readEvent(position, bytes, null).fields;
  return `the event ${id} (${eventType}) is at position ${position} of the ${size} events of ${signed.origin}`;
};

const proveConsistency = (proof: JsonObject, pins: readonly Claim[]): string => {
  const [fromRoot, toRoot] = [hashOf(proof.fromRootHash), hashOf(proof.toRootHash)];
  const from = pins.find(({ root }) => root.equals(fromRoot));
  const to = pins.find(({ root }) => root.equals(toRoot));
  if (!from || !to)
    throw new CouldNotCheck(
      `none of the pins has the root of the ${from ? 'larger' : 'smaller'} tree: give the checkpoints of both sizes with --pin`,
    );
  if (!provesConsistency({ from: from.size, fromRoot, to: to.size, toRoot, proof: hashesOf(proof) }))
    throw new Tampered(
      'root',
      [1, from.size],
      `The log of size ${to.size} is not proven to begin with the log of size ${from.size}.`,
    );
  return `the ${to.size} events of ${to.origin} begin with the ${from.size} events of ${from.origin}`;
};

const requireSigner = ({ note, log }: Pick<Claim, 'note' | 'log'>, keys: readonly Key[], what: string): void => {
  const signer = signerOf(note, keys);
  if (signer === 'forged') throw new Tampered('checkpoint', null, `In the name of the key, somebody else signed ${what}.`);
  if (!signer || signer.name !== log)
    throw new CouldNotCheck(`none of the given keys signed ${what}; give the log's key with --key`);
};

/** The answer of GraphQL, or the proof in it. */
const findProof = (answer: string): JsonObject => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer);
  } catch {
    throw new CouldNotCheck(
      'the proof is not JSON; allowed: an answer of the API to auditInclusionProof or auditConsistencyProof',
    );
  }
  const data = isObject(parsed) && isObject(parsed.data) ? parsed.data : parsed;
  const inner = isObject(data) ? (data.auditInclusionProof ?? data.auditConsistencyProof ?? data) : null;
  if (isObject(inner) && ('leafIndex' in inner || 'fromRootHash' in inner)) return inner;
  throw new CouldNotCheck('this is no proof; allowed: an answer of the API to auditInclusionProof or auditConsistencyProof');
};

const hashOf = (value: unknown): Buffer => {
  const hash = Buffer.from(typeof value === 'string' ? value : '', 'base64');
  if (hash.length !== hashLength)
    throw new CouldNotCheck('the proof has a hash that is not 32 bytes in base64: ask for all its fields');
  return hash;
};
const hashesOf = ({ hashes }: JsonObject): Buffer[] => {
  if (!Array.isArray(hashes)) throw new CouldNotCheck('the proof has no hashes: ask for all its fields');
  return hashes.map(hashOf);
};
