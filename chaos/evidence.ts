// What a run leaves behind, as the checker reads it. Everything happens in one environment, production.

/** What a client requested. */
export type Wish =
  | { kind: 'createFlag'; flagKey: string }
  | { kind: 'createSchedule'; flagKey: string; scheduledAt: string; updates: Updates; idempotencyKey: string }
  | { kind: 'updateFlagState'; flagKey: string; updates: Updates }
  | { kind: 'cancelSchedule'; scheduleId: string };
export type Updates = { enabled?: boolean; rolloutPercentage?: number };

/** What the client knows: the operation was done, was not done, or had no answer. */
export type Outcome = 'ok' | 'refused' | 'unknown';
export type Operation = Wish & {
  /** Sent in the request's header, and found in the events of the request. */
  requestId: string;
  outcome: Outcome;
  /** The answer in one word: a type, an error code, or how the connection broke. */
  said: string;
  /** When the answer arrived, in milliseconds since 1970. */
  answeredAt: number;
  /** The id of the schedule, or the version of the state, that resulted. */
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
  /** The state before a change, and after it. A new flag has only the state after. */
  before: State | null;
  after: State | null;
  /** How many lost events this event declares. */
  declaredLost: number;
};

export type Evidence = {
  operations: readonly Operation[];
  /** By flag key. */
  states: ReadonlyMap<string, State>;
  schedules: readonly ScheduleRow[];
  /** Ordered by position. */
  log: readonly LogRow[];
  /** How many events the log reports, and how many still wait in the outbox and in spools. */
  size: number;
  waiting: number;
  /** Whether a process spooled events. Spooled events of different processes can enter the log in another order. */
  wasSpooled: boolean;
  /** The positions that each follower got, in order of arrival. */
  feeds: ReadonlyMap<string, readonly number[]>;
  /** The events that each sink got, in any order. */
  sinks: ReadonlyMap<string, readonly { position: number; id: string }[]>;
  /** Processes that ended by themselves, and why. */
  crashes: readonly string[];
  /** Processes that are not ready at the end. */
  unready: readonly string[];
};

export type Violation = { rule: string; what: string };
