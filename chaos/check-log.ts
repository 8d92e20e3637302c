import { byDue, describeState, isSameState, type Ledger, ofType, type Step } from './ledger.ts';

// Compares the log with rows, feeds and sinks. Each rule returns one sentence for each violation.

/** Positions count from 1 without a gap, each event has one position, and no event waits. */
export const checkPositions = ({ log, size, waiting }: Ledger): string[] => {
  const found: string[] = [];
  log.forEach(({ position }, index) => {
    if (position !== index + 1) found.push(`position ${index + 1} is ${position}`);
  });
  if (size !== log.length) found.push(`the log says that it has ${size} events, and has ${log.length}`);
  if (waiting > 0) found.push(`${waiting} events still wait for their position`);
  const twice = log.length - new Set(log.map(({ id }) => id)).size;
  return twice > 0 ? [...found, `${twice} events are in the log twice`] : found;
};

/** Each schedule was applied once when it was due, or was cancelled. Row and log agree. */
export const checkFates = ({ schedules, eventsOfSchedule, scheduleById, inTime }: Ledger): string[] => {
  const found: string[] = [];
  for (const { id, status, errorMessage, idempotencyKey } of schedules) {
    const events = eventsOfSchedule.get(id);
    const applied = ofType(events, 'flag_schedule.applied').length;
    const cancelled = ofType(events, 'flag_schedule.cancelled').length;
    if (applied > 1) found.push(`schedule ${id} was applied ${applied} times`);
    if (applied > 0 && status !== 'APPLIED') found.push(`schedule ${id} was applied, but is ${status}`);
    if (cancelled > 0 && status !== 'CANCELLED') found.push(`schedule ${id} was cancelled, but is ${status}`);
    if (cancelled > 1) found.push(`schedule ${id} was cancelled ${cancelled} times`);
    if (status === 'PENDING') found.push(`schedule ${id} is due, but was not applied`);
    const cameLate = !inTime.has(idempotencyKey ?? '') && errorMessage?.startsWith('superseded');
    if (status === 'FAILED' && !cameLate) found.push(`schedule ${id} failed: ${errorMessage}`);
  }
  const strangers = [...eventsOfSchedule.keys()].filter((id) => !scheduleById.has(id));
  return [...found, ...strangers.map((id) => `the log knows schedule ${id}, the rows do not`)];
};

/** Schedules of one flag were applied in the order in which they were due, if they existed by then. */
export const checkOrder = ({ schedules, eventsOfSchedule, wasSpooled, inTime }: Ledger): string[] => {
  const applied = schedules.flatMap((row) => {
    const events = eventsOfSchedule.get(row.id);
    const event = ofType(events, 'flag_schedule.applied')[0];
    if (!event) return [];
    // After spooling, the log's order can differ. The version still tells the order.
    return [{ row, rank: wasSpooled ? (event.after?.version ?? 0) : event.position }];
  });
  const found: string[] = [];
  for (const [flagKey, ofFlag] of Map.groupBy(applied, ({ row }) => row.flagKey)) {
    let latest: (typeof ofFlag)[number] | undefined;
    for (const one of ofFlag.toSorted((a, b) => byDue(a.row, b.row))) {
      if (latest && one.rank < latest.rank)
        found.push(`of ${flagKey}, schedule ${one.row.id} was applied before ${latest.row.id}, which was due before it`);
      else if (inTime.has(one.row.idempotencyKey ?? '')) latest = one;
    }
  }
  return found;
};

/** Replaying the log's changes in the order of versions gives each flag's state. */
export const checkReplay = (ledger: Ledger): string[] => {
  const found = [...ledger.first.keys()]
    .filter((flagKey) => !ledger.states.has(flagKey))
    .map((flagKey) => `the log knows flag ${flagKey}, the rows do not`);
  for (const [flagKey, row] of ledger.states) {
    const first = ledger.first.get(flagKey);
    if (!first) continue;
    let state = first.state;
    const steps = ledger.stepsOf.get(flagKey) ?? [];
    for (const step of ledger.wasSpooled ? steps.toSorted(byVersion) : steps) {
      const problem = problemOf(step, state);
      if (problem) found.push(`flag ${flagKey}, position ${step.position}: ${problem}`);
      state = step.after;
    }
    if (!isSameState(state, row) && ledger.declaredLost === 0)
      found.push(`flag ${flagKey} is ${describeState(row)}; the log ends with ${describeState(state)}`);
  }
  return found;
};

const byVersion = (a: Step, b: Step): number => a.after.version - b.after.version || a.before.version - b.before.version;

const problemOf = ({ before, after }: Step, state: Step['after']): string | null => {
  // A gap in the versions is a lost event, which `checkLosses` finds.
  if (before.version <= state.version && !isSameState(before, state))
    return `changes ${describeState(before)}, but the log was at ${describeState(state)}`;
  if (after.version > before.version + 1) return `goes from version ${before.version} to ${after.version}`;
  return after.version === before.version && !isSameState(after, before) ? 'changes a state, and not its version' : null;
};

/** Each follower got every position once, in order. */
export const checkFeeds = ({ feeds, size }: Ledger): string[] =>
  [...feeds].flatMap(([name, positions]) => {
    const wrong = positions.findIndex((position, index) => position !== index + 1);
    if (wrong >= 0) return [`${name} got position ${positions[wrong]} where ${wrong + 1} was due`];
    return positions.length === size ? [] : [`${name} got ${positions.length} of ${size} events`];
  });

/** Each sink got every event at least once. */
export const checkSinks = ({ sinks, log }: Ledger): string[] =>
  [...sinks].flatMap(([name, taken]) => {
    const idsAt = Map.groupBy(taken, ({ position }) => position);
    return log.flatMap(({ position, id, eventType }) => {
      const found = idsAt.get(position);
      if (!found) return [`${name} did not get ${eventType} at position ${position}`];
      return found.every((one) => one.id === id) ? [] : [`${name} got another event at position ${position}`];
    });
  });

/** Every change in the rows has its event, except for as many as the log declares lost. */
export const checkLosses = (ledger: Ledger): string[] => {
  const { states, first, stepsOf, schedules, eventsOfSchedule, declaredLost } = ledger;
  const missing: string[] = [];
  for (const [flagKey, { version }] of states) {
    if (!first.has(flagKey)) missing.push(`flag ${flagKey} has no flag.created`);
    const known = new Set([first.get(flagKey)?.state.version, ...(stepsOf.get(flagKey) ?? []).map(({ after }) => after.version)]);
    for (let wanted = 1; wanted <= version; wanted += 1)
      if (!known.has(wanted)) missing.push(`no event made version ${wanted} of flag ${flagKey}`);
  }
  for (const { id, status } of schedules) {
    const types = ['created', ...(status === 'APPLIED' ? ['applied'] : []), ...(status === 'CANCELLED' ? ['cancelled'] : [])];
    for (const type of types)
      if (ofType(eventsOfSchedule.get(id), `flag_schedule.${type}`).length === 0)
        missing.push(`schedule ${id} is ${status} without flag_schedule.${type}`);
  }
  return missing.length > declaredLost ? missing : [];
};
