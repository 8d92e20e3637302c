/**
 * The `Date` of an answer has whole seconds, and takes time to arrive, so a clock that is off by less than this counts as right.
 */
const noticedMs = 60_000;

/** The clock of the Flagtrail service, which refuses events from its future, whatever the clock here says. */
export const makeServiceClock = (now: () => number) => {
  let aheadMs = 0;
  return {
    /** In ms since 1970. The same as the clock here, until an answer shows a difference. */
    now: (): number => now() - aheadMs,
    /** Learns from the `Date` of an answer (RFC 9110, section 6.6.1); ignores it if it is not a date. */
    learn: (date: string | null): void => {
      const differenceMs = now() - Date.parse(date ?? '');
      if (!Number.isNaN(differenceMs)) aheadMs = Math.abs(differenceMs) < noticedMs ? 0 : differenceMs;
    },
  };
};
export type ServiceClock = ReturnType<typeof makeServiceClock>;
