import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, LogEvent, Outcome } from './api.ts';
import { appliedEvents, type Check, check, percentile } from './checks.ts';
import type { Display } from './display.ts';
import { collect, type Feed } from './feed.ts';
import { finalSettings, ofFirstGates, type PlannedChange, planChanges, readStageChanges, type StageChange } from './gates.ts';

type Options = {
  api: Api;
  /** How many gates to use; by default all. */
  gates?: number;
  /** The prefix of each flag's key. */
  prefix: string;
  /** How long the ten years take, in milliseconds. */
  stretchMs: number;
  display: Display;
  /** Ends the demo early. It must be the signal of `api`, too. */
  signal: AbortSignal;
};

/** An error that the user can fix, as its message says. */
export class DemoError extends Error {}

const requestsAtATime = 8;
const visibleWithinMs = 10_000;
/** How long after the last instant the demo waits for the worker. */
const graceMs = 60_000;

/** Creates flags and schedules, follows the log until everything is applied, and compares. */
export const runDemo = async ({ api, gates: wanted, prefix, stretchMs, display, signal }: Options): Promise<Check[]> => {
  const changes = ofFirstGates(readStageChanges(), wanted);
  const gates = [...finalSettings(changes).keys()];
  const [firstGate = '', ...otherGates] = gates;
  display.say(`${gates.length} feature gates of Kubernetes, ${changes.length} stage changes in ten years`);

  const before = await api.newestEvent();
  const createFlag = (gate: string) => addFlag(api, `${prefix}${gate}`, gate);
  await createFlag(firstGate);
  const { cursor } = await findEvent(api, before?.cursor ?? null, `${prefix}${firstGate}`, signal);
  const onApplied: { current: (event: LogEvent) => void } = { current: () => {} };
  const feed = collect(api.follow(cursor), (event) => onApplied.current(event));

  const startedAtMs = performance.now();
  const created = display.bar('creating', gates.length + changes.length);
  let requests = 1;
  const create = (some: readonly string[]) =>
    inParallel(some, async (gate) => {
      await createFlag(gate);
      created(++requests);
    });
  const half = Math.ceil(otherGates.length / 2);
  await create(otherGates.slice(0, half));
  // The first requests are slower, because nothing is compiled yet.
  const warmAtMs = performance.now();
  await create(otherGates.slice(half));
  // Leaves enough time to create all schedules before the first is due, even on a slow machine: a flag, which gets a state in
  // each environment, takes more than twice as long as a schedule.
  const flagMs = (performance.now() - warmAtMs) / Math.max(1, otherGates.length - half);
  const leadMs = 2000 + flagMs * changes.length;
  const plan = planChanges(changes, { startsAt: new Date(Date.now() + leadMs), stretchMs });
  const byId = new Map<string, StageChange>();
  await inParallel(plan, async (change) => {
    byId.set(await addSchedule(api, prefix, change), change);
    created(++requests);
  });
  const creatingS = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  display.say(
    `Created ${gates.length} flags and ${plan.length} schedules in ${creatingS} s; the last is due ${dueOf(plan.at(-1))}`,
  );

  await watch(feed, { byId, plan, display, onApplied });
  display.stop();

  const range = { from: plan[0]?.scheduledAt ?? new Date(), to: new Date((plan.at(-1)?.scheduledAt.getTime() ?? 0) + 1) };
  const [flags, schedules, log] = [
    await api.flags(prefix),
    await api.schedules(range),
    await api.eventsAfter(before?.cursor ?? null),
  ];
  const lateness = appliedEvents(log).flatMap(({ scheduleId, metadata }) =>
    scheduleId && byId.has(scheduleId) ? [metadata.latenessMs ?? Number.NaN] : [],
  );
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(lateness, share) ?? 'unknown');
  display.say(`Lateness of ${lateness.length} applied changes: p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`);
  return check({
    expected: new Map([...finalSettings(changes)].map(([gate, setting]) => [`${prefix}${gate}`, setting])),
    flags,
    scheduleIds: [...byId.keys()],
    schedules,
    startPosition: before?.position ?? 0,
    log,
    feed: feed.received,
  });
};

const addFlag = async (api: Api, key: string, gate: string) => {
  const description = `Feature gate ${gate} of Kubernetes`;
  const outcome = await api.createFlag({ key, name: gate, description, tags: ['kubernetes', 'demo'] });
  if (outcome.__typename === 'FlagAlreadyExistsError') {
    throw new DemoError(
      `flag '${key}' exists already: the demo ran here before. Choose another prefix, for example --prefix ${Date.now().toString(36)}/`,
    );
  }
  succeeded(outcome, `creating flag '${key}'`);
};

const addSchedule = async (api: Api, prefix: string, { gate, version, scheduledAt, setting }: PlannedChange): Promise<string> => {
  const flagKey = `${prefix}${gate}`;
  // With this key, a request whose answer got lost can be repeated safely.
  const idempotencyKey = `${flagKey} ${version} ${scheduledAt.toISOString()}`;
  const outcome = await api.createSchedule({ flagKey, scheduledAt, updates: setting, idempotencyKey });
  return succeeded(outcome, `scheduling ${flagKey} ${version}`).id;
};

const succeeded = <Made>(outcome: Outcome<Made>, doing: string): Made => {
  if ('message' in outcome) throw new DemoError(`${doing}: ${outcome.message}`);
  return outcome;
};

/**
 * Waits for the first flag's event. The feed starts after it, because nothing tells a subscriber when its subscription has
 * started.
 */
const findEvent = async (api: Api, after: string | null, flagKey: string, signal: AbortSignal): Promise<LogEvent> => {
  for (const until = Date.now() + visibleWithinMs; Date.now() < until; await sleep(100, undefined, { signal })) {
    const event = (await api.eventsAfter(after)).find((found) => found.flagKey === flagKey);
    if (event) return event;
  }
  throw new DemoError(`no event of flag '${flagKey}' in the log: does a process with ROLES=audit run?`);
};

/** Shows applied changes until none is left, or until long after the last instant. */
const watch = async (feed: Feed, { byId, plan, display, onApplied }: WatchOptions): Promise<void> => {
  const settled = new Set<string>();
  const applied = display.bar('applied', plan.length);
  const take = ({ eventType, scheduleId, flagKey, position, description }: LogEvent) => {
    const change = scheduleId && byId.get(scheduleId);
    if (!change || !/^flag_schedule\.(applied|failed)$/.test(eventType)) return;
    const outcome = eventType.endsWith('applied') ? '' : 'FAILED: ';
    // The line already says what the part before the colon says.
    const what = `${outcome}${description.slice(description.indexOf(': ') + 2)}`;
    display.feed(`${String(position).padStart(6)}  ${change.releasedOn}  v${change.version.padEnd(5)} ${flagKey}: ${what}`);
    settled.add(scheduleId);
    applied(settled.size);
  };
  for (const event of feed.received) take(event);
  onApplied.current = take;
  const lastDueInMs = (plan.at(-1)?.scheduledAt.getTime() ?? 0) - Date.now();
  await feed.until(() => settled.size === plan.length, Math.max(0, lastDueInMs) + graceMs);
};
type WatchOptions = {
  byId: ReadonlyMap<string, StageChange>;
  plan: readonly PlannedChange[];
  display: Display;
  onApplied: { current: (event: LogEvent) => void };
};

const dueOf = (change: PlannedChange | undefined) => change?.scheduledAt.toISOString() ?? 'never';

/** Works on the items in order, a few at a time. */
const inParallel = async <Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> => {
  const queue = items.values();
  const workOff = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: requestsAtATime }, workOff));
};
