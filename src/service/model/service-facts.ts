import type { Schedule } from '../../schedules/model/schedule.ts';
import type { ServiceProcess } from './service-process.ts';

/** A database session that holds a lock which due schedules, or the service at large, wait for. */
export type Blocker = {
  pid: number;
  /** The flags whose rows it holds; none where it holds something else. */
  flagKeys: readonly string[];
  /** What it calls itself, whose it is, and what it does; null where this service's user may not see that. */
  applicationName: string | null;
  userName: string | null;
  state: string | null;
  /** When its transaction began. */
  since: Date | null;
};

export type SinkFacts = {
  name: string;
  /** What the sink has accepted. */
  position: number;
  /** Entries of the log after that. */
  lag: number;
  /** Of the latest try; null where that succeeded. */
  lastError: string | null;
  lastErrorAt: Date | null;
  /** When its cursor moved, or failed to, for the last time. */
  updatedAt: Date;
};

/** What the database knows of the service, read at one moment. */
export type ServiceFacts = {
  databaseTime: Date;
  /** Whether the database is the embedded one, which no second process can open. */
  isEmbedded: boolean;
  /** Seen last first. */
  processes: readonly ServiceProcess[];
  overdue: {
    /** Counted up to `mostOverdueCounted`. */
    count: number;
    /** Some of them, the oldest first, with the instant at which each was due. */
    schedules: readonly (Schedule & { dueAt: Date })[];
    blockers: readonly Blocker[];
  };
  sinks: readonly SinkFacts[];
  /** Events that have no position yet; null where a lock keeps everybody from the outbox. */
  sequencer: { waiting: number; oldestMs: number } | null;
};

/** What is late by more than this is overdue: a worker looks every second. */
export const overdueAfterMs = 60_000;
export const mostOverdueCounted = 1000;
