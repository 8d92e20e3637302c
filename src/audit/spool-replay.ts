import type { Logger } from 'pino';
import type { EventDraft } from '../domain/audit/audit-event.ts';
import { auditLoss } from '../domain/audit/audit-loss.ts';
import type { Spool, SpooledEvent, TransactionFate } from '../ports/spool.ts';
import { makeLoop } from './loop.ts';

type Deps = {
  spool: Spool;
  logId: string;
  fatesOf: (transactionIds: readonly string[]) => Promise<Map<string, TransactionFate>>;
  /** Puts entries into the outbox; false where it took none of them. */
  record: (entries: readonly string[]) => Promise<boolean>;
  /** Turns a draft into the exact entry, under an id that exists already. */
  toEntry: (draft: EventDraft, id: string) => string | null;
  onRecorded: () => void;
  logger: Logger;
};

type Spooled = SpooledEvent & { id: number };

const pageSize = 500;
const pollMs = 1000;

/**
 * Brings spooled events back into the outbox once the database takes them: those whose transaction did commit, and no others.
 * An event that came back twice, because a crash fell between recording and forgetting it, is dropped by the log by its id.
 */
export const makeSpoolReplay = ({ spool, logId, fatesOf, record, toEntry, onRecorded, logger }: Deps) => {
  const replay = async () => {
    if (spool.counts().spooled === 0) return;
    let after = 0;
    for (;;) {
      const page = spool.read(logId, pageSize, after);
      const last = page.at(-1);
      if (!last) return;
      after = last.id;
      await replayPage(page);
    }
  };

  const replayPage = async (page: readonly Spooled[]) => {
    const ids = page.map(({ transactionId }) => transactionId).filter((id) => id !== null);
    const fates = ids.length > 0 ? await fatesOf([...new Set(ids)]) : new Map<string, TransactionFate>();
    const byFate = Map.groupBy(page, ({ transactionId }) =>
      transactionId === null ? 'committed' : (fates.get(transactionId) ?? 'unknown'),
    );

    await recordAgain(byFate.get('committed') ?? []);
    const aborted = byFate.get('aborted') ?? [];
    if (aborted.length > 0) {
      logger.info({ events: aborted.length }, 'spooled events dropped: what they record was rolled back');
      spool.remove(aborted.map(({ id }) => id));
    }
    const unknown = byFate.get('unknown') ?? [];
    if (unknown.length > 0) {
      logger.error({ events: unknown.length }, 'spooled events lost: the database no longer knows whether they happened');
      spool.addLoss(logId, 'transaction outcome no longer known', unknown.length);
      spool.remove(unknown.map(({ id }) => id));
    }
  };

  /** All at once, or else one by one, so that an event which is refused for ever holds up no other. */
  const recordAgain = async (events: readonly Spooled[]) => {
    if (events.length === 0) return;
    const together = await record(events.map(({ entry }) => entry));
    const recorded: Spooled[] = together ? [...events] : [];
    if (!together && events.length > 1) {
      for (const event of events) if (await record([event.entry])) recorded.push(event);
    }
    if (recorded.length === 0) return;
    spool.remove(recorded.map(({ id }) => id));
    logger.info({ events: recorded.length }, 'spooled events recorded');
    onRecorded();
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
      await declareLosses();
      return false;
    },
    pollMs,
    onError: (error) => {
      logger.debug({ err: error }, 'the spool waits: the database takes nothing yet');
      return undefined;
    },
  });
  return { start: loop.start, stop: loop.stop };
};
