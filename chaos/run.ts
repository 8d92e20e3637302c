import { setTimeout as sleep } from 'node:timers/promises';
import { check } from './check.ts';
import { runClients } from './clients.ts';
import type { Evidence, Operation, Violation } from './evidence.ts';
import { carryOut, type Recovery } from './faults.ts';
import { followLog } from './feed.ts';
import { gather } from './gather.ts';
import { type Lab, openLab } from './lab.ts';
import { type Fault, makePlan } from './plan.ts';
import { untilReady } from './service-process.ts';

export type Result = {
  seed: number;
  seconds: number;
  plan: readonly Fault[];
  evidence: Evidence;
  violations: readonly Violation[];
  recoveries: readonly Recovery[];
  settledMs: number;
  /** The folder with the processes' logs; null if it was not kept. */
  folder: string | null;
};

type Options = {
  seed: number;
  seconds: number;
  /** How many clients work at the same time. */
  clients: number;
  /** Stops the run without checking anything. */
  signal: AbortSignal;
  onStep?: (what: string) => void;
};

const feeds = 3;
const startWithinMs = 90_000;
/** Generous, so that a busy machine does not fail a run. Anything slower is stuck. */
const settleWithinMs = 180_000;

/** Runs once: starts everything, breaks it while clients work, lets it settle, and checks what is left. */
export const runChaos = async ({ seed, seconds, clients, signal, onStep = () => {} }: Options): Promise<Result> => {
  const plan = makePlan({ seed, seconds });
  onStep('starting PostgreSQL and the service');
  const lab = await openLab();
  let isKept = false;
  try {
    await startAll(lab, signal);
    const following = new AbortController();
    const followers = Array.from({ length: feeds }, (_, index) =>
      followLog({ ...lab, urls: index % 2 ? lab.apiUrls : lab.apiUrls.toReversed(), signal: following.signal }),
    );
    const operations: Operation[] = [];
    const working = new AbortController();
    const record = (operation: Operation) => void operations.push(operation);
    const work = runClients({
      ...lab,
      urls: lab.apiUrls,
      seed,
      clients,
      record,
      signal: AbortSignal.any([working.signal, signal]),
    });
    const onFault = (fault: Fault) => onStep(`${plan.indexOf(fault) + 1}/${plan.length} ${fault.target}: ${fault.kind}`);
    const recoveries = await carryOut(plan, { lab, signal, onFault });
    working.abort();
    await work;
    signal.throwIfAborted();

    onStep('letting it settle');
    for (const { proxy } of lab.processes.values()) proxy.heal({ bury: true });
    const services = [...lab.processes.values()];
    const collect = async (): Promise<Evidence> => {
      // Spools first: if a spool empties into the outbox meanwhile, its events are counted there.
      const spooled = await Promise.all(services.map((service) => service.spooled()));
      const readiness = await Promise.all(services.map(async (service) => ((await service.isReady()) ? [] : [service.name])));
      const unready = readiness.flat();
      const { inOutbox, ...found } = await gather(lab.databaseUrl);
      return {
        operations,
        ...found,
        waiting: spooled.reduce((sum, count) => sum + count, inOutbox),
        wasSpooled: lab.wasSpooled(),
        feeds: new Map(followers.map(({ positions }, index) => [`feed ${index + 1}`, positions])),
        sinks: lab.sinks(),
        crashes: lab.crashes,
        unready,
      };
    };
    const startedAt = performance.now();
    const evidence = await settle(collect, signal);
    const settledMs = performance.now() - startedAt;
    following.abort();
    await Promise.all(followers.map(({ done }) => done));
    signal.throwIfAborted();
    const violations = check(evidence);
    isKept = violations.length > 0;
    onStep('ending');
    return { seed, seconds, plan, evidence, violations, recoveries, settledMs, folder: isKept ? lab.folder : null };
  } finally {
    await lab.close({ keepFolder: isKept });
  }
};

const startAll = async (lab: Lab, signal: AbortSignal): Promise<void> => {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(startWithinMs)]);
  for (const service of lab.processes.values()) service.start();
  for (const service of lab.processes.values()) {
    if ((await untilReady(service, deadline)) !== null) continue;
    signal.throwIfAborted();
    throw new Error(`${service.name} was not ready within ${startWithinMs / 1000} s; ${lab.crashes.join('; ')}`);
  }
};

/** Waits until no event waits anywhere, at most until the limit, and returns the evidence. */
const settle = async (collect: () => Promise<Evidence>, signal: AbortSignal): Promise<Evidence> => {
  const giveUpAt = performance.now() + settleWithinMs;
  let size = -1;
  for (;;) {
    const evidence = await collect();
    // Requires the same size twice, so that a transaction that was still open has committed.
    if ((isSettled(evidence) && evidence.size === size) || performance.now() > giveUpAt || signal.aborted) return evidence;
    size = evidence.size;
    await sleep(1000, undefined, { signal }).catch(() => {});
  }
};

const isSettled = ({ waiting, size, schedules, feeds, sinks, unready }: Evidence): boolean =>
  unready.length === 0 &&
  waiting === 0 &&
  schedules.every(({ status }) => status !== 'PENDING') &&
  [...feeds.values()].every((positions) => positions.length >= size) &&
  [...sinks.values()].every((taken) => new Set(taken.map(({ position }) => position)).size >= size);
