import { checkFates, checkFeeds, checkLosses, checkOrder, checkPositions, checkReplay, checkSinks } from './check-log.ts';
import { checkAcknowledged, checkAnswers, checkIdempotency, checkRefused, checkUnknown } from './check-operations.ts';
import type { Evidence, Violation } from './evidence.ts';
import { type Ledger, makeLedger } from './ledger.ts';

/** What must hold after every run. */
export const rules = {
  'what was acknowledged is there': checkAcknowledged,
  'what was refused left nothing': checkRefused,
  'what nobody answered is done or not, never half': checkUnknown,
  'one idempotency key makes one schedule': checkIdempotency,
  'no answer is an internal error': checkAnswers,
  'positions have no gap': checkPositions,
  'each schedule is applied once, or cancelled': checkFates,
  'schedules of a flag are applied in order': checkOrder,
  'states are what the log says': checkReplay,
  'feeds get every event once, in order': checkFeeds,
  'sinks get every event': checkSinks,
  'nothing is lost that was not declared': checkLosses,
  'every process is ready in the end': ({ unready }: Ledger) => unready.map((name) => `${name} is not ready`),
  'no process ends by itself': ({ crashes }: Ledger) => [...crashes],
} satisfies Record<string, (ledger: Ledger) => string[]>;
export type RuleName = keyof typeof rules;

/** Finds every violation. Pure: the same evidence gives the same result. */
export const check = (evidence: Evidence): Violation[] => {
  const ledger = makeLedger(evidence);
  return Object.entries(rules).flatMap(([rule, find]) => find(ledger).map((what) => ({ rule, what })));
};
