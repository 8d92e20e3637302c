import { type AuditEvent, type AuditEventName, serializeEvent } from './audit-event.ts';
import { consoleLogger, makeLog } from './logger.ts';
import type { Settings } from './options.ts';
import { makeOutbox } from './outbox.ts';
import { maxEventsBytes } from './request.ts';
import { makeSender } from './sender.ts';
import type { World } from './world.ts';

/** What became of the events so far: each is `queued`, `sent`, `refused` or `dropped`. */
export type AuditClientStats = {
  /** Waiting, or being sent. */
  queued: number;
  /** In the log, including duplicates. */
  sent: number;
  /** Sent events that the API already knew, for example from a request whose answer was lost. */
  duplicates: number;
  /** Refused by the API. */
  refused: number;
  /** Dropped by the client: no room, invalid, no JSON form, too large, logged after `close`, or left at its deadline. */
  dropped: number;
  /** Refused or dropped events that the log declares as lost (`audit.loss`). */
  declaredLost: number;
};

/** Records events. No method throws or rejects, whatever it is given, and none needs `this`. */
export type AuditClient = {
  /** Takes a copy of the event, and returns at once; the event is sent later, in order, together with others. */
  logAuditEvent(event: AuditEvent): void;
  auditLogin(userId: string, workspaceId: string | null, ip?: string | null): void;
  auditLogout(userId: string, workspaceId: string | null): void;
  /** A user asked for an export of data. */
  auditDataExport(userId: string, workspaceId: string | null): void;
  /** A user asked for the deletion of data. */
  auditDataDeletion(userId: string, workspaceId: string | null): void;
  auditSettingsChange(
    userId: string,
    workspaceId: string | null,
    setting: string,
    previousValue: unknown,
    newValue: unknown,
  ): void;
  /**
   * Sends what was logged so far. Resolves to false if some of it still waits after `deadlineMs` (default: 5,000); it is sent
   * later.
   */
  flush(deadlineMs?: number): Promise<boolean>;
  /**
   * Like `flush`, and then closes the client: what is left after `deadlineMs`, and what is logged later, is dropped and reported.
   */
  close(deadlineMs?: number): Promise<boolean>;
  stats(): AuditClientStats;
  /** For `await using`: the same as `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
};

const defaultDeadlineMs = 5000;
const longestTimerMs = 2 ** 31 - 1;
const unconfigured = { maxQueued: 10_000, maxQueuedChars: 64_000_000 };

/** Makes a client that sends nothing until it is configured. */
export const makeAuditClient = (world: World): AuditClient & { configure(settings: Settings): void } => {
  let settings: Settings | null = null;
  let token: string | null = null;
  let closing: Promise<boolean> | null = null;
  let isClosed = false;
  let saidThatEventsWait = false;
  const waiting = new Set<() => void>();
  const outbox = makeOutbox(world);
  const log = makeLog({ logger: () => settings?.logger ?? consoleLogger, secret: () => token, now: world.now });
  const sender = makeSender({
    outbox,
    world,
    log,
    settings: () => settings,
    onToken: (used) => {
      token = used;
    },
    onSettled: () => {
      for (const check of waiting) check();
    },
  });

  const take = (event: unknown): void => {
    const nowMs = world.now();
    if (isClosed) {
      outbox.drop(nowMs);
      log.warnSometimes({}, 'an audit event came after close() and was dropped');
      return;
    }
    const written = serializeEvent(event, { newId: world.newId, nowMs, maxBytes: maxEventsBytes - 1 });
    if (!written.ok) {
      outbox.drop(nowMs, written.reason);
      log.warnSometimes(
        { why: written.why },
        'an audit event was invalid or could not be written as JSON: it is lost',
        `unwritable ${written.mistake}`,
      );
    } else if (!outbox.add({ ...written, atMs: nowMs }, settings ?? unconfigured)) {
      log.warnSometimes({ queued: outbox.stats().queued }, 'the queue of audit events is full: further events are dropped');
    } else if (written.doubt) {
      log.warnSometimes(
        { why: written.doubt },
        'an audit event has a type that this client does not know: it is sent, and the API decides',
      );
    }
    if (!settings && !saidThatEventsWait) {
      saidThatEventsWait = true;
      log.warn({}, 'audit events wait for configureAuditClient');
    }
    sender.wake();
  };
  const logAuditEvent = (event: unknown): void => {
    try {
      take(event);
    } catch (error) {
      log.warnSometimes({ why: error instanceof RangeError ? error.message : 'unknown' }, 'an audit event could not be queued');
    }
  };
  const logOf = (type: AuditEventName, action: string, fields: Omit<AuditEvent, 'type' | 'action'>): void =>
    logAuditEvent({ type, action, ...fields });

  const settledWithin = (deadlineMs: number): Promise<boolean> => {
    const mark = outbox.mark();
    const isDone = () => outbox.isSettled(mark) && !outbox.hasLosses();
    if (isDone()) return Promise.resolve(true);
    if (!settings) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (done: boolean) => {
        waiting.delete(check);
        cancel();
        endHurry();
        resolve(done);
      };
      const check = () => {
        if (isDone()) finish(true);
      };
      waiting.add(check);
      // The timer keeps the process alive: an await that nothing can resolve would end the process silently.
      const cancel = world.startTimer(deadlineMs, () => finish(false), { keepsAlive: true });
      const endHurry = sender.hurry();
    });
  };

  const flush = async (deadlineMs?: number): Promise<boolean> => {
    const done = await settledWithin(toDeadline(deadlineMs));
    if (!done) log.warn({ queued: outbox.stats().queued }, 'audit events are still waiting at the deadline of flush()');
    return done;
  };
  const close = (deadlineMs?: number): Promise<boolean> => {
    closing ??= closeOnce(toDeadline(deadlineMs));
    return closing;
  };
  const closeOnce = async (deadlineMs: number): Promise<boolean> => {
    const settled = settledWithin(deadlineMs);
    isClosed = true;
    const done = await settled;
    sender.stop();
    const left = outbox.abandon();
    if (left.events + left.undeclaredLosses > 0) {
      log.error(left, 'close() gave up audit events that the API has not confirmed; the log does not know about them');
    }
    return done;
  };

  return {
    logAuditEvent,
    auditLogin: (userId, workspaceId, ip) => logOf('auth.login', 'login', { userId, workspaceId, ipAddress: ip }),
    auditLogout: (userId, workspaceId) => logOf('auth.logout', 'logout', { userId, workspaceId }),
    auditDataExport: (userId, workspaceId) => logOf('data_export.requested', 'export', { userId, workspaceId }),
    auditDataDeletion: (userId, workspaceId) => logOf('data_delete.requested', 'delete', { userId, workspaceId }),
    auditSettingsChange: (userId, workspaceId, setting, previousValue, newValue) =>
      logOf('settings.changed', 'update', {
        userId,
        workspaceId,
        resource: 'setting',
        resourceId: setting,
        previousValue,
        newValue,
      }),
    flush,
    close,
    stats: outbox.stats,
    [Symbol.asyncDispose]: async () => void (await close()),
    configure: (given) => {
      settings = given;
      token = null;
      closing = null;
      isClosed = false;
      sender.wake();
    },
  };
};

const toDeadline = (deadlineMs: unknown): number =>
  typeof deadlineMs === 'number' && deadlineMs >= 0 ? Math.min(deadlineMs, longestTimerMs) : defaultDeadlineMs;
