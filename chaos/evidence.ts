// What a run leaves behind, as the checker takes it. Everything happens in one environment, production.

/** What a client asked for. */
export type Wish =
  | { kind: 'createFlag'; flagKey: string }
  | { kind: 'createSchedule'; flagKey: string; scheduledAt: string; updates: Updates; idempotencyKey: string }
  | { kind: 'updateFlagState'; flagKey: string; updates: Updates }
  | { kind: 'cancelSchedule'; scheduleId: string };
export type Updates = { enabled?: boolean; rolloutPercentage?: number };

/** What the client knows of it: it was done; it was not; or nobody said. */
export type Outcome = 'ok' | 'refused' | 'unknown';
export type Operation = Wish & {
  /** In the request's header, and in the events that came of it. */
  requestId: string;
  outcome: Outcome;
  /** What was answered, in a word: a type, an error's code, or how the connection broke. */
  said: string;
  /** When the answer was in, in milliseconds since 1970. */
  answeredAt: number;
  /** Of what was made or changed: a schedule's id; the version of a state. */
  scheduleId?: string;
  version?: number;
};

export type State = { enabled: boolean; rolloutPercentage: number; version: number };
export type ScheduleRow = {
  id: string;
  flagKey: string;
  scheduledAt: string;
  status: string;
  updates: Updates;
  idempotencyKey: string | null;
  errorMessage: string | null;
};
export type LogRow = {
  position: number;
  id: string;
  eventType: string;
  flagKey: string | null;
  scheduleId: string | null;
  requestId: string | null;
  /** Of a change of a state: before and after it. Of a new flag: what it is at first. */
  before: State | null;
  after: State | null;
  /** How many events this one declares lost. */
  declaredLost: number;
};

export type Evidence = {
  operations: readonly Operation[];
  /** By the flag's key. */
  states: ReadonlyMap<string, State>;
  schedules: readonly ScheduleRow[];
  /** In order of position. */
  log: readonly LogRow[];
  /** How many events the log says that it has, and how many wait before it, in the outbox and in spools on disk. */
  size: number;
  waiting: number;
  /** Whether a process had to spool events. Between processes, what was spooled may enter the log in another order. */
  wasSpooled: boolean;
  /** The positions in the order in which each follower got them. */
  feeds: ReadonlyMap<string, readonly number[]>;
  /** What each sink took, in any order. */
  sinks: ReadonlyMap<string, readonly { position: number; id: string }[]>;
  /** Processes that ended without being told to, and why. */
  crashes: readonly string[];
  /** Processes that are not ready in the end. */
  unready: readonly string[];
};

export type Violation = { rule: string; what: string };
