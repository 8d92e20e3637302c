import { makeDenials } from '../audit/model/access-denied.ts';
import { makeThrottledLog } from '../kernel/limits/throttled-log.ts';
import type { Surroundings } from '../process/surroundings.ts';
import type { AuditPipeline } from './pipeline.ts';

/** How often it is looked whether there is something to say of what was held back. */
const sweepMs = 1000;

/** What is said less often than it happens: in the log of strangers, in the audit log of refused operations. */
export const composeThrottles = (
  { audit }: Pick<AuditPipeline, 'audit'>,
  { logger, clock }: Pick<Surroundings, 'logger' | 'clock'>,
) => {
  const strangers = makeThrottledLog({ logger, now: clock.now });
  const denials = makeDenials({ record: (draft) => void audit.logEvent(draft), now: clock.now });
  const sweeping = setInterval(() => {
    strangers.sweep();
    denials.sweep();
  }, sweepMs);
  return {
    /** For what is logged of requests that nobody has authenticated, and in an outage of all. */
    strangers,
    recordAccessDenied: denials.note,
    /** Says what there is left to say. */
    stop: () => {
      clearInterval(sweeping);
      strangers.flush();
      denials.flush();
    },
  };
};
