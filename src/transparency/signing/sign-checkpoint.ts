import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { checkpointText, keyNameOf, type LogPoint, parseCheckpointText } from '../model/checkpoint.ts';
import { MalformedNoteError, parseNote } from '../model/note.ts';
import {
  brokenHead,
  ForkedCheckpointError,
  forkOf,
  otherKey,
  type Refusal,
  refusalOf,
  type Witnessed,
} from '../model/signing-refusals.ts';
import type { LogState, SigningStore } from '../ports/signing-store.ts';
import type { Checkpoint, Tree } from '../ports/tree.ts';
import { openNote, signNote, verifierLine } from './ed25519-notes.ts';

type Deps = { store: SigningStore; tree: Pick<Tree, 'rootAt'>; key: KeyObject; clock: Clock };

/** What one try led to. */
export type SigningOutcome =
  | { is: 'signed'; checkpoint: Checkpoint }
  /** The latest state is signed already, with this note. */
  | { is: 'up to date'; note: string }
  | { is: 'too early'; waitMs: number }
  | { is: 'refused'; refusal: Refusal };

/** At most one checkpoint in this time. */
const checkpointEveryMs = 1000;

const here = 'this process';
const database = 'the database';
const isFurther = (one: LogPoint, other: LogPoint) =>
  one.epoch > other.epoch || (one.epoch === other.epoch && one.size > other.size);

/**
 * Signs the log as it is committed, provided that it extends every checkpoint that this process knows of: its own, those in the
 * database, and those that anchors hold. The log's tree proves that, not the database's word for it.
 */
export const makeSignCheckpoint = ({ store, tree, key, clock }: Deps) => {
  /** The furthest checkpoint that the log was found to extend. */
  let known: Witnessed | null = null;
  /** Those that are not compared with the log yet, and those that contradict it. */
  let open: Witnessed[] = [];
  let signedAtMs = Number.NEGATIVE_INFINITY;

  const remember = (witnessed: Witnessed) => {
    if (!known || isFurther(witnessed, known)) known = witnessed;
  };

  /** Compares the log with what was signed before. */
  const compare = async (state: LogState): Promise<Refusal | null> => {
    const { latest, logId } = state;
    const isNews = latest && !(known && known.epoch === latest.epoch && known.size >= latest.size);
    const candidates = [...(known ? [known] : []), ...open, ...(isNews ? [{ logId, ...latest, where: database }] : [])];
    for (const candidate of candidates) {
      const refusal = refusalOf(state, candidate);
      if (refusal) return refusal;
      if (candidate.epoch < state.epoch) continue;
      if (!(await tree.rootAt(candidate.size)).equals(candidate.rootHash)) return forkOf(candidate);
    }
    // The database can lose its own. Later, it is this process that knows of them.
    for (const { where, ...point } of candidates) remember({ ...point, where: where === database ? here : where });
    open = [];
    return null;
  };

  const untilNextMs = (latest: Checkpoint | null): number => {
    const nowMs = clock.now().getTime();
    // Another machine can have set the instant. If it is still to come, a clock is wrong, and nobody waits for it.
    const times = [signedAtMs, latest?.signedAt.getTime() ?? signedAtMs].filter((atMs) => atMs <= nowMs);
    return Math.max(...times) + checkpointEveryMs - nowMs;
  };

  const judgeHead = async ({ size, rootHash }: LogState): Promise<Refusal | null> =>
    (await tree.rootAt(size)).equals(rootHash) ? null : brokenHead;

  const sign = async (state: LogState, { hurry }: { hurry: boolean }): Promise<SigningOutcome> => {
    const { logId, epoch, size, rootHash } = state;
    const refusal = await judgeHead(state);
    if (refusal) return { is: 'refused', refusal };
    const name = keyNameOf(logId);
    const note = signNote(checkpointText(state), { name, key });
    const checkpoint = { epoch, size, rootHash, note, signedAt: clock.now() };
    try {
      const isKept = await store.keep(checkpoint, hurry ? 0 : checkpointEveryMs);
      // Another process was faster.
      if (!isKept) return { is: 'too early', waitMs: checkpointEveryMs };
    } catch (error) {
      if (!(error instanceof ForkedCheckpointError)) throw error;
      return { is: 'refused', refusal: forkOf({ logId, ...checkpoint, where: database }) };
    }
    signedAtMs = checkpoint.signedAt.getTime();
    remember({ logId, epoch, size, rootHash, where: here });
    return { is: 'signed', checkpoint };
  };

  return {
    /** Takes a note that an anchor holds. Returns why it says nothing about this log; null if it does. */
    witness: async (note: string, where: string): Promise<string | null> => {
      const { logId, signingKey } = await store.readState();
      const own = verifierLine(keyNameOf(logId), key);
      try {
        if (parseCheckpointText(parseNote(note).text)?.logId !== logId) return 'it is of another log';
        const point = parseCheckpointText(openNote(note, signingKey === null ? [own] : [own, signingKey]) ?? '');
        if (!point) return 'the key that signs this log now did not sign it';
        open.push({ ...point, where });
        return null;
      } catch (error) {
        if (error instanceof MalformedNoteError) return error.message;
        throw error;
      }
    },
    /** Whether the log could be signed as it is; null if it could, else why not. Signs nothing. */
    check: async (): Promise<Refusal | null> => {
      const state = await store.readState();
      const own = verifierLine(keyNameOf(state.logId), key);
      const { signingKey } = state;
      const refusal = (await compare(state)) ?? (await judgeHead(state));
      return refusal ?? (signingKey === null || signingKey === own ? null : otherKey({ own, signing: signingKey }));
    },
    /** Signs the log's latest state, unless it is signed. `hurry`: without waiting for the second to be over. */
    sign: async ({ hurry = false } = {}): Promise<SigningOutcome> => {
      const state = await store.readState();
      const own = verifierLine(keyNameOf(state.logId), key);
      const signing = state.signingKey ?? (await store.adoptKey(own));
      // A copy from before a hand-over has the key of before, too: that the log went back says more.
      if (signing !== own) return { is: 'refused', refusal: (await compare(state)) ?? otherKey({ own, signing }) };
      // A checkpoint of an epoch whose beginning it does not cover would look forged. The event is on its way.
      if (!state.isEpochDeclared) return { is: 'too early', waitMs: checkpointEveryMs };
      const { latest } = state;
      const signed = latest?.size === state.size ? latest : null;
      const isKnown = known?.epoch === state.epoch && known.size === state.size && known.rootHash.equals(state.rootHash);
      if (signed && isKnown && open.length === 0) return { is: 'up to date', note: signed.note };
      const waitMs = untilNextMs(latest);
      if (!signed && !hurry && waitMs > 0) return { is: 'too early', waitMs };
      const refusal = await compare(state);
      if (refusal) return { is: 'refused', refusal };
      return signed ? { is: 'up to date', note: signed.note } : sign(state, { hurry });
    },
  };
};

export type SignCheckpoint = ReturnType<typeof makeSignCheckpoint>;
