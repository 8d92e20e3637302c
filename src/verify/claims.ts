import type { Declared } from './declared.ts';
import type { Keyring } from './keyring.ts';
import type { Key } from './note.ts';
import { CouldNotCheck, positions, Tampered } from './outcome.ts';
import type { Claim } from './pending.ts';
import type { Checked } from './report.ts';

// What is said of the tree at a size, against the tree itself.

type Deps = {
  keyring: Keyring;
  declared: Declared;
  checked: Checked;
  /** Whether the auditor gave the keys. If not, they are the database's own. */
  keysAreGiven: boolean;
  /** The log's name, once it is known. */
  log: string | null;
  signedTo: number;
};

const nameOf = ({ pin, size }: Claim): string =>
  pin === null ? `The checkpoint of size ${size}` : `Your pin '${pin}' of size ${size}`;
const signersOf = ({ note }: Claim): string => note.signatures.map(({ name, id }) => `${name}+${id}`).join(', ');

export const makeClaimChecks = ({ keyring, declared, checked, keysAreGiven, ...start }: Deps) => {
  let { log, signedTo } = start;
  /** Checkpoints that none of the keys signed, since the last that one did. */
  let unknown: Claim[] = [];
  const unknownBySigner = new Map<string, number>();
  /** The first checkpoint of an epoch that no event before it declares. */
  let undeclared: Claim | null = null;
  /** Whether a key that counts signed anything, if only an empty log. */
  let isSigned = signedTo > 0;

  const ofEpoch = ({ epoch }: Claim): string => {
    const { epoch: current, epochAt } = declared.epoch();
    return epoch < current
      ? ` The log declares at position ${epochAt} that epoch ${current} began there, because it no longer held what had been signed: judge that reason yourself.`
      : '';
  };

  const checkName = (claim: Claim) => {
    log ??= claim.log;
    if (claim.log !== log)
      throw new Tampered(
        'key',
        null,
        `${nameOf(claim)} is of the log '${claim.log}', and this is '${log}': another log stands in its place, or the checkpoint is of another one.`,
      );
  };

  const checkSigner = (claim: Claim): Key | null => {
    const signer = keyring.signerOf(claim.note);
    if (signer === 'forged')
      throw new Tampered(
        'checkpoint',
        claim.size || null,
        `${nameOf(claim)} is not signed by the key that it names: ${signersOf(claim)}.`,
      );
    // Somebody else may have signed the checkpoint as well, but only the log's key may sign for the log.
    return signer && signer.name === claim.log ? signer : null;
  };

  /** `heldTo` is the size of the last checkpoint that held. */
  const contradiction = (claim: Claim, others: readonly Claim[], heldTo: number): Tampered => {
    const fork = others.find((other) => other.epoch === claim.epoch && !other.root.equals(claim.root) && checkSigner(other));
    if (fork && checkSigner(claim))
      return new Tampered(
        'fork',
        [heldTo + 1, claim.size],
        `Two checkpoints of size ${claim.size} are signed with different roots: the log showed different histories to different people, and they part at ${positions(heldTo + 1, claim.size)}.`,
      );
    const [from, to] = [heldTo + 1, claim.size];
    const before = heldTo > 0 ? `Up to position ${heldTo} all is as it was signed; ` : '';
    return new Tampered(
      'root',
      [from, to],
      `${nameOf(claim)} was signed for other entries than these. ${before}${before ? 'what' : 'What'} stands at ${positions(from, to)} was changed, removed, inserted or reordered afterwards.${ofEpoch(claim)}`,
    );
  };

  const take = (claim: Claim, signer: Key | null) => {
    if (claim.pin === null) checked.checkpoints++;
    else checked.pins++;
    if (!signer) {
      unknownBySigner.set(signersOf(claim), (unknownBySigner.get(signersOf(claim)) ?? 0) + 1);
      // The first and the last are enough to say where it begins and ends.
      unknown = [...unknown.slice(0, 1), claim];
      return;
    }
    if (claim.epoch > declared.epoch().epoch) undeclared ??= claim;
    [signedTo, unknown, isSigned] = [Math.max(signedTo, claim.size), [], true];
  };

  /** Who signed the last checkpoints can be learnt after them: the key was changed, and the new one has signed nothing yet. */
  const takeLate = () => {
    const last = unknown.at(-1);
    if (!last || !checkSigner(last)) return;
    unknownBySigner.delete(signersOf(last));
    [signedTo, unknown, isSigned] = [Math.max(signedTo, last.size), [], true];
  };

  return {
    log: () => log,
    signedTo: () => signedTo,
    unknown: () => [...unknownBySigner.values()].reduce((sum, count) => sum + count, 0),
    /** Compares all claims of one size with the root at this size; `isKept` if the source keeps every checkpoint. Throws Tampered. */
    check: (claims: readonly Claim[], root: Buffer, isKept: boolean) => {
      const heldTo = signedTo;
      for (const claim of claims) {
        checkName(claim);
        const signer = checkSigner(claim);
        if (!claim.root.equals(root)) throw contradiction(claim, claims, heldTo);
        take(claim, signer);
      }
      const lost =
        isKept &&
        claims.find((pin) => pin.pin !== null && !claims.some(({ pin: of, epoch }) => of === null && epoch === pin.epoch));
      if (lost && checkSigner(lost))
        throw new Tampered(
          'checkpoint',
          lost.size || null,
          `${nameOf(lost)} was signed, but the database does not have that checkpoint any more: somebody deleted it.`,
        );
    },
    /** A claim that is ahead of the log. */
    refuseBeyond: (claim: Claim, size: number): never => {
      checkName(claim);
      checkSigner(claim);
      throw new Tampered(
        'rollback',
        [size + 1, claim.size],
        `${nameOf(claim)} was signed, but the log ends at position ${size}: what stood at ${positions(size + 1, claim.size)} is gone.${ofEpoch(claim)}`,
      );
    },
    /** Throws unless somebody whose key counts signed what was read. `end` is the log's size. */
    conclude: (end: number) => {
      // What declared it may be pruned, as a later event says.
      if (undeclared && declared.prunedTo() === 0)
        throw new Tampered(
          'epoch',
          undeclared.size || null,
          `${nameOf(undeclared)} is of epoch ${undeclared.epoch}, and no log.epoch_started event before it declares that epoch.`,
        );
      takeLate();
      const [first] = unknown;
      const last = unknown.at(-1);
      if (first && last && keyring.keys().length > 0) {
        if (last.pin !== null && keysAreGiven)
          throw new CouldNotCheck(
            `none of the given keys signed the pin '${last.pin}' (it names ${signersOf(last)}); give its key with --key`,
          );
        if (keysAreGiven && declared.prunedTo() > signedTo)
          throw new CouldNotCheck(
            `the checkpoint of size ${last.size} is signed by ${signersOf(last)}, and an event in which a given key handed over to it may be among those that were pruned; give that key with --key as well, if you trust it`,
          );
        throw new Tampered(
          'key',
          [Math.min(signedTo + 1, last.size), last.size],
          `The checkpoint of size ${last.size} is signed by ${signersOf(last)}, which is none of the keys that count${keysAreGiven ? '' : ' in this database'}, and none of them handed over to it: somebody signed the log anew.`,
        );
      }
      if (signedTo > 0 || (isSigned && end === 0)) return;
      if (first)
        throw new CouldNotCheck(
          `could not check the signature: give the log's key with --key ('flagtrail log key' prints it; the checkpoint names ${signersOf(first)})`,
        );
      throw new CouldNotCheck(
        end === 0
          ? 'the log is empty, and nothing is signed yet'
          : `could not check the signature: the ${end} events agree with their hashes, but there is no checkpoint, so a log that was written anew would look the same`,
      );
    },
  };
};
