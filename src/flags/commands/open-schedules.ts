/** The fields of an open schedule that concern its flag. `updates` is as stored, and unchecked. */
type OpenSchedule = { id: string; environment: string; scheduledAt: Date; nextRetryAt: Date | null; updates: unknown };

/** What flags need to know about open schedules. Schedules import flags, so the schedules wing implements this port. */
export type OpenSchedules = {
  /** Counts a flag's open schedules. With `environment`, only those that change its state there, or the flag's status. */
  countOpen(scope: { flagId: string; environment?: string }): Promise<number>;
  /** Lists a flag's open schedules that set a default variant or rules, ordered by id, after `afterId`. */
  listOpenWithVariants(flagId: string, afterId: string | null, limit: number): Promise<OpenSchedule[]>;
  /** The failed schedules with a retry to come that change a state: how many, and the next 20. */
  upcomingRetries(of: { flagId: string; environment: string }): Promise<{ total: number; soonest: OpenSchedule[] }>;
};
