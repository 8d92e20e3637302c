import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, restartPostgres } from './lab.ts';
import type { Fault, FaultKind } from './plan.ts';
import { type ServiceProcess, untilReady } from './service-process.ts';

/** How soon a process was ready after a fault was over; null: another fault came before, or the run's end. */
export type Recovery = { kind: FaultKind; target: Fault['target']; process: string; readyMs: number | null };

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

/** Breaks what the plan says, when it says so, and measures how soon each process is ready again. */
export const carryOut = async (
  plan: readonly Fault[],
  { lab, signal, onFault }: { lab: Lab; signal: AbortSignal; onFault: (fault: Fault) => void },
): Promise<Recovery[]> => {
  const recoveries: Recovery[] = [];
  const watches: Promise<void>[] = [];
  /** Ends the measurement of a process when the next fault meets it. */
  const disturb = new Map<string, AbortController>();
  const startedAt = performance.now();

  const metBy = ({ target }: Fault) => [...lab.processes.values()].filter(({ name }) => target === 'database' || name === target);
  const watch = async ({ kind, target }: Fault, service: ServiceProcess) => {
    const disturbed = new AbortController();
    disturb.get(service.name)?.abort();
    disturb.set(service.name, disturbed);
    const readyMs = await untilReady(service, AbortSignal.any([signal, disturbed.signal]));
    recoveries.push({ kind, target, process: service.name, readyMs });
  };
  /** On a busy machine a fault may not be over yet when the next one of the same target is due: it waits. */
  const underWay = new Map<Fault['target'], Promise<void>>();
  const run = async (fault: Fault, before: Promise<void>) => {
    await until(startedAt + fault.atMs, signal);
    await before;
    if (signal.aborted) return;
    onFault(fault);
    const met = metBy(fault);
    for (const { name } of met) disturb.get(name)?.abort();
    const end = await begin(fault, lab, met);
    await until(performance.now() + fault.forMs, signal);
    await end();
    watches.push(...met.map((service) => watch(fault, service)));
  };
  for (const fault of plan) underWay.set(fault.target, run(fault, underWay.get(fault.target) ?? Promise.resolve()));
  await Promise.all(underWay.values());
  await Promise.all(watches);
  return recoveries;
};

/** Begins a fault; the result ends it. */
const begin = async (fault: Fault, { postgres }: Lab, met: readonly ServiceProcess[]): Promise<() => Promise<void>> => {
  if (fault.target === 'database') {
    await postgres.stop({ keepData: true, signal: signals[fault.kind as keyof typeof signals] });
    return () => restartPostgres(postgres);
  }
  const breaking = ofProcess[fault.kind]?.(fault);
  for (const service of met) await breaking?.begin(service);
  return async () => {
    for (const service of met) await breaking?.end(service);
  };
};

const until = async (instantMs: number, signal: AbortSignal): Promise<void> => {
  await sleep(Math.max(0, instantMs - performance.now()), undefined, { signal }).catch(() => {});
};
