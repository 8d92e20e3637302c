import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, restartPostgres } from './lab.ts';
import type { Fault, FaultKind, ProcessName } from './plan.ts';
import { type ServiceProcess, untilReady } from './service-process.ts';

/**
 * How soon a process was ready again after the listed faults, counted from the end of the last one; null if it exceeded the
 * limit.
 */
export type Recovery = { faults: readonly FaultKind[]; process: ProcessName; readyMs: number | null };

const readyWithinMs = 60_000;

type Breaking = { begin: (service: ServiceProcess) => unknown; end: (service: ServiceProcess) => unknown };

const heal = ({ proxy }: ServiceProcess) => proxy.heal();
const ofProcess: Partial<Record<FaultKind, (fault: Fault) => Breaking>> = {
  kill: () => ({ begin: (service) => service.kill(), end: (service) => service.start() }),
  pause: () => ({ begin: (service) => service.pause(), end: (service) => service.resume() }),
  delay: ({ delayMs = 0 }) => ({ begin: ({ proxy }) => proxy.breakDown({ kind: 'delay', ms: delayMs }), end: heal }),
  'black hole': () => ({ begin: ({ proxy }) => proxy.breakDown({ kind: 'black-hole' }), end: heal }),
  reset: () => ({ begin: ({ proxy }) => proxy.reset(), end: ({ proxy }) => proxy.reset() }),
  'half-open to the database': () => ({ begin: ({ proxy }) => proxy.breakDown({ kind: 'server-unaware' }), end: heal }),
  'half-open to the process': () => ({ begin: ({ proxy }) => proxy.breakDown({ kind: 'client-unaware' }), end: heal }),
};
const signals = { 'stop fast': 'SIGINT', 'stop immediately': 'SIGQUIT', 'kill server': 'SIGKILL' } as const;

/** Carries out the plan, and measures how soon each process is ready again. */
export const carryOut = async (
  plan: readonly Fault[],
  { lab, signal: interrupted, onFault }: { lab: Lab; signal: AbortSignal; onFault: (fault: Fault) => void },
): Promise<Recovery[]> => {
  const failed = new AbortController();
  const signal = AbortSignal.any([interrupted, failed.signal]);
  const recoveries: Recovery[] = [];
  const watches: Promise<void>[] = [];
  /** The faults of each process since it was last ready, and the controller that stops the measurement at the next fault. */
  const faultsOf = new Map<ProcessName, { faults: FaultKind[]; disturbed: AbortController }>();
  /** How many faults affect each process now. */
  const activeFaults = new Map<ProcessName, number>();
  const startedAt = performance.now();

  const note = (service: ServiceProcess, kind: FaultKind) => {
    const before = faultsOf.get(service.name);
    before?.disturbed.abort();
    activeFaults.set(service.name, (activeFaults.get(service.name) ?? 0) + 1);
    faultsOf.set(service.name, { faults: [...(before?.faults ?? []), kind], disturbed: new AbortController() });
  };
  const watch = async (service: ServiceProcess) => {
    const now = faultsOf.get(service.name);
    const left = (activeFaults.get(service.name) ?? 0) - 1;
    activeFaults.set(service.name, left);
    // Another fault still affects the process. The measurement starts when that one ends.
    if (!now || left > 0) return;
    const { faults, disturbed } = now;
    const limit = AbortSignal.timeout(readyWithinMs);
    const readyMs = await untilReady(service, AbortSignal.any([signal, disturbed.signal, limit]));
    if (readyMs === null && !limit.aborted) return;
    recoveries.push({ faults, process: service.name, readyMs });
    if (faultsOf.get(service.name) === now) faultsOf.delete(service.name);
  };
  /** On a busy machine a fault can still last when the next one of its target is due. The next one then waits. */
  const underWay = new Map<Fault['target'], Promise<void>>();
  const run = async (fault: Fault, before: Promise<void>) => {
    await until(startedAt + fault.atMs, signal);
    await before;
    if (signal.aborted) return;
    onFault(fault);
    const services = [...lab.processes.values()].filter(({ name }) => fault.target === 'database' || name === fault.target);
    for (const service of services) note(service, fault.kind);
    const end = await begin(fault, lab, services);
    await until(performance.now() + fault.forMs, signal);
    await end();
    watches.push(...services.map(watch));
  };
  for (const fault of plan) underWay.set(fault.target, run(fault, underWay.get(fault.target) ?? Promise.resolve()));
  // Waits for all faults to end: a process that one of them started later would never be stopped.
  const ends = [...underWay.values()];
  for (const end of ends) end.catch((error) => failed.abort(error));
  await Promise.allSettled(ends);
  await Promise.all([...ends, ...watches]);
  return recoveries;
};

/** Begins a fault. Returns a function that ends it. */
const begin = async (fault: Fault, { postgres }: Lab, services: readonly ServiceProcess[]): Promise<() => Promise<void>> => {
  if (fault.target === 'database') {
    await postgres.stop({ keepData: true, signal: signals[fault.kind as keyof typeof signals] });
    return () => restartPostgres(postgres);
  }
  const breaking = ofProcess[fault.kind]?.(fault);
  for (const service of services) await breaking?.begin(service);
  return async () => {
    for (const service of services) await breaking?.end(service);
  };
};

const until = async (instantMs: number, signal: AbortSignal): Promise<void> => {
  await sleep(Math.max(0, instantMs - performance.now()), undefined, { signal }).catch(() => {});
};
