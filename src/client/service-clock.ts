/** The `Date` of an answer counts whole seconds, and is some time on its way: a clock that is off by less counts as right. */
const noticedMs = 60_000;

/** The clock of the service that keeps the log: it refuses what comes from its future, whatever the clock here says. */
export const makeServiceClock = (now: () => number) => {
  let aheadMs = 0;
  return {
    /** In ms since 1970; the clock here until something else was learnt. */
    now: (): number => now() - aheadMs,
    /** Learns from the `Date` of an answer (RFC 9110, section 6.6.1); from what is no date, nothing. */
    learn: (date: string | null): void => {
      const differenceMs = now() - Date.parse(date ?? '');
      if (!Number.isNaN(differenceMs)) aheadMs = Math.abs(differenceMs) < noticedMs ? 0 : differenceMs;
    },
  };
};
export type ServiceClock = ReturnType<typeof makeServiceClock>;
