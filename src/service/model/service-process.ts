/** Parts of the service that a process can run. */
export const processRoles = ['api', 'worker', 'audit'] as const;
export type ProcessRole = (typeof processRoles)[number];

/** A checkpoint that the database does not have, and where it is kept. The root is base64. */
type CheckpointElsewhere = { epoch: number; size: number; rootHash: string; where: string };

/** What a process announces besides its identity. */
export type ProcessDetail = {
  /**
   * Events on its disk that the database has not taken yet, lost events that the log has not declared yet, and events that were
   * given up and that people can look at. Processes of older releases do not say the last.
   */
  spool?: { waiting: number; lost: number; deadLetters?: number } | null;
  /** Why it signs no checkpoints, and the one that contradicts the database, if one does; null if it can sign. */
  signing?: { refused: string; contradicts: CheckpointElsewhere | null } | null;
  /** Why its worker could not apply due schedules at the latest try; null if it could. */
  workerError?: { message: string; at: string } | null;
};

/** A process of the service, as it last announced itself. */
export type ServiceProcess = {
  id: string;
  roles: readonly ProcessRole[];
  version: string;
  host: string;
  pid: number;
  /** Both instants are by the database's clock. */
  startedAt: Date;
  lastSeenAt: Date;
  /** How far its clock is ahead of the database's (negative: behind); null: not measured yet. */
  clockSkewMs: number | null;
  /** Whether it announced itself within the last 30 seconds. */
  isSeen: boolean;
  detail: ProcessDetail;
};

/** How long a process counts as running after its last announcement. It announces itself several times within this time. */
export const seenWithinMs = 30_000;

/** Clocks that differ by more than this cause a warning. */
const tolerableSkewMs = 2000;

/**
 * How far a clock is ahead of the database's clock, which was read between two readings of that clock. The result can be off by
 * up to half the round trip, and that much is subtracted, so that a slow answer does not look like a wrong clock.
 */
export const measureSkewMs = (sentAt: Date, databaseTime: Date, receivedAt: Date): number => {
  const roundTripMs = Math.max(0, receivedAt.getTime() - sentAt.getTime());
  const differenceMs = sentAt.getTime() + roundTripMs / 2 - databaseTime.getTime();
  const certainMs = Math.max(0, Math.abs(differenceMs) - roundTripMs / 2);
  return differenceMs < 0 && certainMs > 0 ? -certainMs : certainMs;
};

/** Whether a clock differs enough for a warning. */
export const isSkewed = (skewMs: number | null): boolean => skewMs !== null && Math.abs(skewMs) > tolerableSkewMs;

/** Names a process for people. */
export const nameProcess = ({ host, pid, roles }: Pick<ServiceProcess, 'host' | 'pid' | 'roles'>): string =>
  `${host}:${pid} (${roles.length > 0 ? roles.join(', ') : 'no role'})`;
