import type { Schedule } from '../../schedules/model/schedule.ts';
import type { ServiceProcess } from './service-process.ts';

/** A database session that holds a lock for which due schedules, or other parts of the service, wait. */
export type Blocker = {
  pid: number;
  /** The flags whose rows it has locked; empty if it holds another lock. */
  flagKeys: readonly string[];
  /** The session's application name, user and state; null if this service's user is not allowed to see them. */
  applicationName: string | null;
  userName: string | null;
  state: string | null;
  /** When its transaction began. */
  since: Date | null;
};

/** How far a sink has come, and its latest error. */
export type SinkFacts = {
  name: string;
  /** The position up to which the sink has accepted entries. */
  position: number;
  /** How many entries the log has after that position. */
  lag: number;
  /** The error of the latest try; null if it succeeded. */
  lastError: string | null;
  lastErrorAt: Date | null;
  /** When its cursor last moved, or failed to move. */
  updatedAt: Date;
};

/** The log: how long it is, and how far it is signed. */
export type LogFacts = {
  /** Names the log in its checkpoints. */
  id: string;
  epoch: number;
  size: number;
  /** Entries up to this position are pruned; 0 if none is. */
  prunedTo: number;
  /** The verifier line of the key that signs it; null while nobody has signed yet. */
  signingKey: string | null;
  /** How many entries the latest checkpoint of the epoch covers, and when it was signed; null if there is none. */
  checkpoint: { size: number; signedAt: Date } | null;
};

/** What the database knows about the service, read at one moment. */
export type ServiceFacts = {
  databaseTime: Date;
  /** Whether the database is embedded, so that no second process can open it. */
  isEmbedded: boolean;
  /** Most recently seen first. */
  processes: readonly ServiceProcess[];
  overdue: {
    /** Counted only up to `mostOverdueCounted`. */
    count: number;
    /** Some of them, the oldest first, with the instant at which each was due. */
    schedules: readonly (Schedule & { dueAt: Date })[];
    blockers: readonly Blocker[];
  };
  sinks: readonly SinkFacts[];
  log: LogFacts;
  /** Events that have no position yet; null if a lock blocks the outbox. */
  sequencer: { waiting: number; oldestMs: number } | null;
};

/** A schedule that is later than this is overdue: a worker looks for due schedules every second. */
export const overdueAfterMs = 60_000;
/** Counting stops here, so that a check stays cheap however many schedules are overdue. */
export const mostOverdueCounted = 1000;
