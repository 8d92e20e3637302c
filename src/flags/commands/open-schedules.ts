/** What of an open schedule concerns its flag. `updates` comes as it was stored. */
type OpenSchedule = { id: string; environment: string; scheduledAt: Date; nextRetryAt: Date | null; updates: unknown };

/**
 * What flags ask of the schedules that can still become due. Schedules stand on flags, and answer from there.
 */
export type OpenSchedules = {
  /** Of a flag, or of one of its states (with what sets the flag's status from any environment). */
  countOpen(scope: { flagId: string; environment?: string }): Promise<number>;
  /** Those of a flag that set a default variant or rules, by id, behind one of them. */
  listOpenWithVariants(flagId: string, afterId: string | null, limit: number): Promise<OpenSchedule[]>;
  /** What is tried again by itself and touches a state: how many, and the soonest 20 of them. */
  upcomingRetries(of: { flagId: string; environment: string }): Promise<{ total: number; soonest: OpenSchedule[] }>;
};
