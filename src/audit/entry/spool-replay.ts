import type { Logger } from 'pino';
import { backoffMs } from '../../kernel/backoff.ts';
import { makeLoop } from '../../kernel/loop.ts';
import type { EventDraft } from '../model/audit-event.ts';
import { auditLoss } from '../model/audit-loss.ts';
import { deadLetterFile, type Spool, type SpooledEvent, type TransactionFate } from '../ports/spool.ts';
import { subjectOf } from './event-subject.ts';
import type { ReplayedGate } from './outbox-gate.ts';

type Deps = {
  spool: Spool;
  gate: ReplayedGate;
  logId: string;
  fatesOf: (transactionIds: readonly string[]) => Promise<Map<string, TransactionFate>>;
  /**
   * Puts all the entries into the outbox. Returns false, or throws, if the outbox took none of them. An empty list tests whether
   * the outbox takes events at all.
   */
  record: (entries: readonly string[]) => Promise<boolean>;
  /** Turns a draft into its exact entry, with an id that exists already. */
  toEntry: (draft: EventDraft, id: string) => string | null;
  onRecorded: () => void;
  logger: Logger;
  random: () => number;
};

type Spooled = SpooledEvent & { id: number };

/** One run through the spool, from its oldest event to its newest. */
type Pass = {
  /** Subjects with an event that stays in the spool. Their later events stay, too. */
  held: Set<string>;
  /** Events that the outbox refused in an earlier pass. They are tried last, so that they delay no others. */
  suspects: Spooled[];
  refused: number;
  /**
   * Whether the outbox took an event in this pass, or another event just before it. If so, a refusal is due to the event itself.
   */
  isProven: boolean;
  recorded: number;
};

class OutboxClosedError extends Error {}

const pageSize = 500;
const pollMs = 1000;
const backoff = { firstMs: 100, maxMs: 1000 };
/** If the outbox refuses this many events and takes none, the events are not to blame. */
const maxRefused = 10;
/** How often the outbox must refuse an event, while it takes others, before the event is given up. */
const maxTries = 5;

/**
 * Moves spooled events into the outbox once the database takes them: those whose transaction was committed, and no others. Events
 * of one subject keep the order in which they were spooled. An event that cannot go yet, because its transaction is still running
 * or the outbox refuses it, delays only later events of its subject. If a crash falls between recording an event and removing it
 * from the spool, the event is recorded twice, and the log drops the duplicate by its id.
 */
export const makeSpoolReplay = (deps: Deps) => {
  const { spool, gate, logId, fatesOf, record, toEntry, onRecorded, logger, random } = deps;
  /** How often the outbox refused an event while it took others, by the event's id in the spool. */
  const tries = new Map<number, number>();
  let failures = 0;
  let recordedSinceOpen = 0;

  const replay = async () => {
    const isEmpty = spool.read(logId, 1).length === 0;
    if (isEmpty && gate.isOpen()) return;
    const pass: Pass = { held: new Set(), suspects: [], refused: 0, isProven: gate.startPass(), recorded: 0 };
    for (let after = 0; ; ) {
      const page = spool.read(logId, pageSize, after);
      const last = page.at(-1);
      if (!last) break;
      after = last.id;
      await replayPage(page, pass);
      // Events that came meanwhile wait for the next pass. Under load this pass would never end, and the gate would stay closed.
      if (page.length < pageSize) break;
    }
    await trySuspects(pass);
    if (!pass.isProven && (pass.refused > 0 || !(await record([])))) throw new OutboxClosedError('the outbox took no event');
    gate.endPass();
    recordedSinceOpen += pass.recorded;
    if (!gate.isOpen()) return;
    logger.info({ events: recordedSinceOpen }, 'the audit outbox takes events again: the spooled ones are recorded');
    recordedSinceOpen = 0;
  };

  const replayPage = async (page: readonly Spooled[], pass: Pass) => {
    const ids = page.map(({ transactionId }) => transactionId).filter((id) => id !== null);
    const fates = ids.length > 0 ? await fatesOf([...new Set(ids)]) : new Map<string, TransactionFate>();
    const fateOf = ({ transactionId }: Spooled) =>
      transactionId === null ? 'committed' : (fates.get(transactionId) ?? 'unknown');

    const ready: Spooled[] = [];
    for (const event of page) {
      const fate = fateOf(event);
      const subject = subjectOf(event.entry);
      if (fate === 'aborted' || fate === 'unknown' || pass.held.has(subject)) continue;
      if (fate === 'committed' && !tries.has(event.id)) ready.push(event);
      else pass.held.add(subject);
      if (fate === 'committed' && tries.has(event.id)) pass.suspects.push(event);
    }
    await recordInOrder(ready, pass);

    const aborted = page.filter((event) => fateOf(event) === 'aborted');
    if (aborted.length > 0) {
      logger.info({ events: aborted.length }, 'spooled events were dropped: their transactions were rolled back');
      spool.remove(aborted.map(({ id }) => id));
    }
    giveUp(
      page.filter((event) => fateOf(event) === 'unknown'),
      'transaction outcome no longer known',
    );
  };

  /** Records the events all at once or, if that fails, one by one. Returns those that the outbox refused. */
  const recordInOrder = async (events: readonly Spooled[], pass: Pass): Promise<Spooled[]> => {
    if (events.length === 0 || (await take(events, pass))) return [];
    if (!(await record([]))) throw new OutboxClosedError('the outbox takes no events');
    const refused = new Map<string, Spooled>();
    for (const event of events) {
      const subject = subjectOf(event.entry);
      if (refused.has(subject) || (await take([event], pass))) continue;
      refused.set(subject, event);
      pass.held.add(subject);
      pass.refused++;
      if (!tries.has(event.id)) tries.set(event.id, 0);
      if (!pass.isProven && refused.size >= maxRefused) throw new OutboxClosedError('the outbox refuses every event');
    }
    return [...refused.values()];
  };

  const take = async (events: readonly Spooled[], pass: Pass): Promise<boolean> => {
    const taken = await record(events.map(({ entry }) => entry)).catch((error) => {
      logger.debug({ err: error, events: events.length }, 'the outbox refused spooled events');
      return false;
    });
    if (!taken) return false;
    spool.remove(events.map(({ id }) => id));
    for (const { id } of events) tries.delete(id);
    pass.recorded += events.length;
    pass.isProven = true;
    onRecorded();
    return true;
  };

  const trySuspects = async (pass: Pass) => {
    const refused = await recordInOrder(pass.suspects, pass);
    if (!pass.isProven) return;
    for (const { id } of refused) tries.set(id, (tries.get(id) ?? 0) + 1);
    giveUp(
      refused.filter(({ id }) => (tries.get(id) ?? 0) >= maxTries),
      'outbox_refused',
    );
  };

  const giveUp = (events: readonly Spooled[], reason: string) => {
    if (events.length === 0) return;
    logger.error({ events: events.length, reason }, `spooled events are lost; ${deadLetterFile} in DATA_DIR keeps them`);
    spool.giveUp(
      logId,
      events.map(({ id }) => id),
      reason,
    );
    for (const { id } of events) tries.delete(id);
  };

  const declareLosses = async () => {
    if (spool.counts().lost === 0) return;
    const losses = spool.losses(logId);
    if (losses.length === 0) return;
    const entries = losses.map((loss) => toEntry(auditLoss(loss), loss.id)).filter((entry) => entry !== null);
    if (!(await record(entries))) return;
    spool.removeLosses(losses);
    onRecorded();
  };

  const loop = makeLoop({
    work: async () => {
      await replay();
      failures = 0;
      await declareLosses();
      return false;
    },
    pollMs,
    onError: (error) => {
      gate.close();
      failures++;
      logger.debug({ err: error }, 'the spool waits: the database takes nothing yet');
      return backoffMs(backoff, failures, random());
    },
  });
  return { start: loop.start, wake: loop.wake, stop: loop.stop };
};
