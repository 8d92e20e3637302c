import { makeClaimChecks } from './claims.ts';
import { checkColumns, columnsCompared } from './columns.ts';
import { type DeclaredState, makeDeclared } from './declared.ts';
import { isObject, type JsonObject, type LogEvent, readEvent } from './event.ts';
import { makeKeyring } from './keyring.ts';
import { type Key, parseKey } from './note.ts';
import { CouldNotCheck, Tampered } from './outcome.ts';
import { makePending, type Pin, parsePin } from './pending.ts';
import { type Checked, nothingChecked } from './report.ts';
import type { Leaf, Source } from './source.ts';
import { checkHead, checkPartialTiles, checkTile } from './stored-tree.ts';
import { leafHash, makeTree, type TreeState } from './tree.ts';

/** How far a verification has come, to go on from there in another process. */
export type SavedVerification = {
  tree: TreeState;
  declared: DeclaredState;
  keys: string[];
  log: string | null;
  signedTo: number;
  checked: Checked;
};

type Options = {
  keys: readonly Key[];
  /** Whether the auditor gave the keys; if not, they come from what is verified. */
  keysAreGiven: boolean;
  pins: readonly Pin[];
  saved?: SavedVerification;
  onProgress?: (done: number, size: number) => void;
  /** Is told of every event, in order. */
  onEvent?: (event: LogEvent) => void;
};

/**
 * Verifies a log from its first entry to its last, holding no more of it than a page. `run` can be called again for a source
 * that has grown. Everything throws Tampered at the first thing that is wrong, and CouldNotCheck.
 */
export const makeVerification = ({ keys, keysAreGiven, pins, saved, onProgress, onEvent }: Options) => {
  const tree = makeTree(saved?.tree);
  const declared = makeDeclared(saved?.declared);
  const checked: Checked = { ...nothingChecked(), ...saved?.checked };
  const keyring = makeKeyring([...keys, ...(saved?.keys ?? []).map(parseKey)]);
  const claims = makeClaimChecks({
    ...{ keyring, declared, checked, keysAreGiven },
    ...{ log: saved?.log ?? null, signedTo: saved?.signedTo ?? 0 },
  });
  const filledColumns = new Set<string>();
  let openPins = pins.map(parsePin);
  const older = openPins.find(({ size }) => size < tree.size);
  if (older)
    throw new CouldNotCheck(
      `the pin '${older.pin}' of size ${older.size} is older than what was verified before; start anew to compare it`,
    );

  const checkEntry = (leaf: Leaf, entry: Buffer): Buffer => {
    const hash = leafHash(entry);
    for (const kept of leaf.kept)
      if (!kept.hash.equals(hash))
        throw new Tampered(
          'entry',
          leaf.position,
          `The entry at position ${leaf.position} was changed, or stands in the wrong place: its hash is not the one in ${kept.where}.`,
        );
    const event = readEvent(leaf.position, entry, leaf.disclosures);
    let isForgotten = false;
    if (leaf.columns) {
      ({ isForgotten } = checkColumns(event, leaf.columns, filledColumns));
      checked.columns += columnsCompared;
    }
    checked.entries++;
    checked.disclosures += event.disclosed;
    if (event.isOldForm) checked.oldEntries++;
    if (event.withheld > 0 && !leaf.disclosures) checked.undisclosed++;
    if (isForgotten || (event.withheld > 0 && leaf.disclosures)) {
      checked.erased++;
      declared.noteWithheld(event);
    }
    const { eventType, metadata } = event.fields;
    declared.declare(event.fields, leaf.position);
    if (eventType === 'log.key_rotated' && isObject(metadata) && typeof metadata.handover === 'string') {
      const previous = typeof metadata.previousKey === 'string' ? metadata.previousKey : null;
      keyring.learn(metadata.handover, keysAreGiven ? null : previous);
    }
    if (eventType === 'audit.loss' && isObject(metadata) && typeof metadata.count === 'number')
      checked.declaredLost += Math.max(0, metadata.count);
    onEvent?.(event);
    return hash;
  };

  const hashOf = (leaf: Leaf): Buffer => {
    if (leaf.entry) return checkEntry(leaf, leaf.entry);
    const [kept] = leaf.kept;
    if (!kept) throw new Tampered('missing', leaf.position, `Position ${leaf.position} has neither an entry nor a hash.`);
    declared.noteMissing(leaf.position);
    checked.pruned++;
    return kept.hash;
  };

  const run = async (source: Source): Promise<void> => {
    const { head } = source;
    const pending = makePending(source, openPins);
    try {
      await pending.start();
      const checkClaims = async () => {
        if (pending.nextSize() === tree.size)
          claims.check(await pending.take(tree.size), tree.root(), source.kind === 'database');
      };
      await checkClaims();
      for await (const page of source.leaves(tree.size)) {
        for (const leaf of page) {
          const full = tree.append(hashOf(leaf));
          for (const tile of full) await checkTile(tile, source);
          checked.tiles += full.length;
          if (pending.nextSize() === tree.size) await checkClaims();
        }
        onProgress?.(tree.size, head.size);
      }
      openPins = openPins.filter(({ size }) => size > tree.size);
      checked.tiles += await checkPartialTiles(tree, source);
      checkHead(tree, head, claims.signedTo());
      const beyond = await pending.rest();
      if (beyond) claims.refuseBeyond(beyond, tree.size);
    } finally {
      await pending.close();
    }
    await source.checkRest?.();
  };

  return {
    run,
    tree,
    checked,
    declared,
    /** Whether something is missing that no event has declared yet. */
    isWaiting: declared.isWaiting,
    conclude: (source: Pick<Source, 'kind'>) => {
      declared.conclude(source.kind);
      claims.conclude(tree.size);
    },
    /** Takes events that have no position yet: they may declare what is missing. */
    expect: (fields: JsonObject) => declared.declare(fields, Number.POSITIVE_INFINITY),
    /** Takes another pin, to be compared by the next run. */
    pin: (pin: Pin) => {
      openPins.push(parsePin(pin));
    },
    log: claims.log,
    signedTo: claims.signedTo,
    unknownSigners: claims.unknown,
    keys: keyring.keys,
    save: (): SavedVerification => ({
      ...{ tree: tree.save(), declared: declared.save(), checked: { ...checked } },
      ...{ keys: keyring.keys().map(({ line }) => line), log: claims.log(), signedTo: claims.signedTo() },
    }),
  };
};

export type Verification = ReturnType<typeof makeVerification>;
