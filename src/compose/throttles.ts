import { makeDenials } from '../audit/model/access-denied.ts';
import { makeThrottledLog } from '../kernel/limits/throttled-log.ts';
import type { Surroundings } from '../process/surroundings.ts';
import type { AuditPipeline } from './pipeline.ts';

/** How often held-back messages are looked for. */
const sweepMs = 1000;

/** Limits repeated messages: log lines about strangers, and events about refused operations. */
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
    /** For log lines about unauthenticated requests, and about all requests during an outage. */
    strangers,
    recordAccessDenied: denials.note,
    /** Logs what is still held back. */
    stop: () => {
      clearInterval(sweeping);
      strangers.flush();
      denials.flush();
    },
  };
};
