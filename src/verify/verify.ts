import { checkErasures, checkSchema, openDatabaseSource, type Query } from './database-source.ts';
import type { LogEvent } from './event.ts';
import { type Key, parseKey } from './note.ts';
import { CouldNotCheck, Tampered } from './outcome.ts';
import { type Pin, parsePin } from './pending.ts';
import type { Checked, Report, StatesChecked } from './report.ts';
import { checkStates } from './state/check-states.ts';
import { makeReplay } from './state/replay.ts';
import { openTiles, type ReadFile } from './tiles-source.ts';
import { makeVerification, type Verification } from './verification.ts';
import { expectWaiting } from './waiting-events.ts';

type Given = {
  /** Verifier lines. */
  keys: readonly string[];
  pins: readonly Pin[];
  onProgress?: (done: number, size: number) => void;
};

const allOf = (keys: readonly string[]): Key[] => keys.map(parseKey);

const notPinned =
  "No --key was given, so the database's own key was used: whoever can write to the database could have signed a log of their own. Keep the key that 'flagtrail log key' prints somewhere else, and give it with --key.";

const notSealed = (events: number): string =>
  `The outbox holds events that have no position yet (${events}), so nothing signs them: what they say of erasures, prunings and changes was believed.`;

/** Verifies a database, and that its flags are as the log says. */
export const verifyDatabase = (query: Query, { keys, pins, onProgress }: Given): Promise<Report> =>
  report(async (begin) => {
    await checkSchema(query);
    const source = await openDatabaseSource(query);
    const own = keys.length === 0 && source.signingKey !== null ? [source.signingKey] : [];
    const warnings = keys.length === 0 ? [notPinned] : [];
    const replay = makeReplay();
    const verification = makeVerification({
      ...{ keys: allOf([...keys, ...own]), keysAreGiven: keys.length > 0, pins, onProgress },
      onEvent: (event: LogEvent) => replay.see(event),
    });
    begin(verification, warnings);
    refuseOtherLog(pins, source.head.log);
    const waiting = await expectWaiting(query, verification);
    if (waiting.events > 0) warnings.push(notSealed(waiting.events));
    await verification.run(source);
    verification.conclude(source);
    await checkErasures(query, verification.declared);
    return checkStates({ query, replay, waiting, prunedTo: verification.declared.prunedTo() });
  });

const refuseOtherLog = (pins: readonly Pin[], log: string | null): void => {
  const other = pins.map(parsePin).find((pin) => log !== null && pin.log !== log);
  if (other)
    throw new Tampered(
      'key',
      null,
      `Your pin '${other.pin}' is of the log '${other.log}', and this is '${log}': another log stands in its place, or the pin is of another one.`,
    );
};

/** Verifies a bundle that was exported: nothing else is needed. */
export const verifyBundle = (read: ReadFile, { keys, pins, onProgress }: Given): Promise<Report> =>
  report(async (begin) => {
    const verification = makeVerification({ keys: allOf(keys), keysAreGiven: true, pins, onProgress });
    begin(verification, []);
    const source = await openTiles({ kind: 'bundle', read });
    await verification.run(source);
    verification.conclude(source);
    return null;
  });

type Server = Given & { read: ReadFile; wait: (ms: number) => Promise<void> };

/** The log goes on while it is read, and can forget what a later event declares: so the verification reads on, this often. */
const attempts = 4;
const pauseMs = 2000;

/** Verifies what a server serves. */
export const verifyServer = ({ read, wait, keys, pins, onProgress }: Server): Promise<Report> =>
  report(async (begin) => {
    const verification = makeVerification({ keys: allOf(keys), keysAreGiven: true, pins, onProgress });
    begin(verification, []);
    for (let attempt = 1; ; attempt++) {
      const source = await openTiles({ kind: 'server', read });
      // One of several servers, or a cache, may be behind the one before.
      if (source.head.size >= verification.tree.size) await verification.run(source);
      if (!verification.isWaiting() || attempt === attempts) {
        verification.conclude(source);
        return null;
      }
      await wait(pauseMs);
    }
  });

type Begin = (verification: Verification, warnings: string[]) => void;

/** Makes a report of whatever comes of a verification. Other errors are not caught. */
const report = async (verify: (begin: Begin) => Promise<StatesChecked | null>): Promise<Report> => {
  let verification: Verification | null = null;
  let warnings: string[] = [];
  let states: StatesChecked | null = null;
  let failure: unknown = null;
  try {
    states = await verify((begun, first) => {
      [verification, warnings] = [begun, first];
    });
  } catch (error) {
    if (!(error instanceof Tampered || error instanceof CouldNotCheck)) throw error;
    failure = error;
  }
  return reportOf(verification, { warnings, states, failure });
};

type Parts = { warnings: readonly string[]; states: StatesChecked | null; failure: unknown };

export const reportOf = (verification: Verification | null, { warnings, states, failure }: Parts): Report => {
  // It is only null if what was given could not be read.
  const { tree, checked, ...of } = verification ?? makeVerification({ keys: [], keysAreGiven: true, pins: [] });
  const root = tree.root().toString('base64');
  return {
    outcome: failure instanceof Tampered ? 'tampered' : failure ? 'could not check' : 'good',
    finding: failure instanceof Tampered ? failure.finding : null,
    reason: failure instanceof CouldNotCheck ? failure.message : null,
    ...{ log: of.log(), size: tree.size, root, signedTo: of.signedTo() },
    keys: of.keys().map(({ line }) => line),
    checked,
    states,
    warnings: [...warnings, ...notesOn(tree.size, checked, of)],
  };
};

const notesOn = (size: number, checked: Checked, of: Pick<Verification, 'signedTo' | 'unknownSigners'>): string[] => {
  const unsigned = size - of.signedTo();
  return [
    unsigned > 0 && of.signedTo() > 0
      ? `The last ${unsigned} events are not signed yet: no checkpoint covers positions ${of.signedTo() + 1} to ${size}.`
      : null,
    of.unknownSigners() > 0 && of.signedTo() > 0
      ? `${of.unknownSigners()} checkpoints are signed by a key that is not known here. Their roots hold, and a later checkpoint that counts covers them.`
      : null,
    checked.declaredLost > 0
      ? `The log is not complete: it declares that ${checked.declaredLost} events were lost before they reached it, in its events audit.loss.`
      : null,
    checked.undisclosed > 0
      ? `The disclosures of ${checked.undisclosed} events are not given, so their details were not checked; their entries were.`
      : null,
  ].filter((note) => note !== null);
};
