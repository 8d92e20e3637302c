import type { Operation } from './evidence.ts';
import { describeOperation, type Ledger, ofType } from './ledger.ts';

// Compares what clients know with rows and log. Each rule returns one sentence for each violation.

/** Every acknowledged operation is in the rows and the log. */
export const checkAcknowledged = (ledger: Ledger): string[] =>
  ledger.operations.flatMap((operation) => {
    if (operation.outcome !== 'ok') return [];
    const missing = rowMissingOf(operation, ledger) ?? eventMissingOf(operation, ledger);
    return missing === null ? [] : [`${describeOperation(operation)} was acknowledged, but ${missing}`];
  });

const rowMissingOf = (operation: Operation, { states, scheduleById, first, stepsOf }: Ledger): string | null => {
  switch (operation.kind) {
    case 'createFlag':
      return states.has(operation.flagKey) ? null : 'the flag is not there';
    case 'createSchedule': {
      const row = scheduleById.get(operation.scheduleId ?? '');
      if (!row) return `schedule ${operation.scheduleId} is not there`;
      const isSame =
        row.idempotencyKey === operation.idempotencyKey &&
        Date.parse(row.scheduledAt) === Date.parse(operation.scheduledAt) &&
        row.updates.enabled === operation.updates.enabled &&
        row.updates.rolloutPercentage === operation.updates.rolloutPercentage;
      return isSame ? null : `schedule ${row.id} is another one`;
    }
    case 'cancelSchedule': {
      const status = scheduleById.get(operation.scheduleId)?.status;
      return status === 'CANCELLED' ? null : `the schedule is ${status}`;
    }
    case 'updateFlagState': {
      const { flagKey, version = 0, updates } = operation;
      const known = [first.get(flagKey)?.state, ...(stepsOf.get(flagKey) ?? []).map(({ after }) => after)];
      const found = known.find((state) => state?.version === version);
      if (!found) return `no event tells of version ${version}`;
      const isSame =
        found.enabled === (updates.enabled ?? found.enabled) &&
        found.rolloutPercentage === (updates.rolloutPercentage ?? found.rolloutPercentage);
      return isSame ? null : `version ${version} is something else`;
    }
  }
};

/** A request's event carries the request's id. A repeated createSchedule, and an update that changed nothing, have no event. */
const eventMissingOf = ({ kind, requestId }: Operation, { eventsOfRequest, declaredLost }: Ledger): string | null => {
  if (kind === 'createSchedule' || kind === 'updateFlagState' || declaredLost > 0) return null;
  const type = kind === 'createFlag' ? 'flag.created' : 'flag_schedule.cancelled';
  return ofType(eventsOfRequest.get(requestId), type).length === 1 ? null : `it has no ${type}`;
};

/** A refused operation left no event and no row. */
export const checkRefused = (ledger: Ledger): string[] =>
  ledger.operations.flatMap((operation) => {
    if (operation.outcome !== 'refused') return [];
    const event = ledger.eventsOfRequest.get(operation.requestId)?.[0];
    const found = event ? `${event.eventType} is at position ${event.position}` : leftBy(operation, ledger);
    return found === null ? [] : [`${describeOperation(operation)} was refused, but ${found}`];
  });

const leftBy = (operation: Operation, { states, schedulesByKey, triesByKey }: Ledger): string | null => {
  if (operation.kind === 'createFlag') return states.has(operation.flagKey) ? 'the flag is there' : null;
  if (operation.kind !== 'createSchedule') return null;
  // Another try with the same key can have created it.
  const tries = triesByKey.get(operation.idempotencyKey) ?? [];
  if (tries.some(({ outcome }) => outcome !== 'refused')) return null;
  return schedulesByKey.has(operation.idempotencyKey) ? 'the schedule is there' : null;
};

/** An operation without an answer was done completely or not at all: no row without its event, no event without its row. */
export const checkUnknown = (ledger: Ledger): string[] =>
  ledger.operations.flatMap((operation) => {
    if (operation.outcome !== 'unknown') return [];
    const events = ledger.eventsOfRequest.get(operation.requestId) ?? [];
    if (events.length > 1) return [`${describeOperation(operation)} has ${events.length} events`];
    const { row, event } = tracesOf(operation, ledger);
    // This event can be one that the log declares lost.
    const isHalf = row === event || (row && ledger.declaredLost > 0) ? null : row ? 'a row and no event' : 'an event and no row';
    return isHalf === null ? [] : [`${describeOperation(operation)} is half done: ${isHalf}`];
  });

/** Whether the rows, and whether the log, show the operation. */
const tracesOf = (operation: Operation, ledger: Ledger): { row: boolean; event: boolean } => {
  const own = ledger.eventsOfRequest.get(operation.requestId)?.[0];
  switch (operation.kind) {
    case 'createFlag':
      return { row: ledger.states.has(operation.flagKey), event: ledger.first.has(operation.flagKey) };
    case 'createSchedule': {
      const row = ledger.schedulesByKey.get(operation.idempotencyKey)?.[0];
      const event = row ? ofType(ledger.eventsOfSchedule.get(row.id), 'flag_schedule.created').length > 0 : own !== undefined;
      return { row: row !== undefined, event };
    }
    case 'cancelSchedule': {
      const isCancelled = ledger.scheduleById.get(operation.scheduleId)?.status === 'CANCELLED';
      const event = ofType(ledger.eventsOfSchedule.get(operation.scheduleId), 'flag_schedule.cancelled').length > 0;
      return { row: isCancelled, event };
    }
    case 'updateFlagState': {
      const version = ledger.states.get(operation.flagKey)?.version ?? 0;
      // Without an event, the operation was not done or changed nothing. A change without an event is a gap in the versions.
      return { row: own !== undefined && version >= (own.after?.version ?? 0), event: own !== undefined };
    }
  }
};

/** Each idempotency key made one schedule, whichever tries were answered. */
export const checkIdempotency = ({ triesByKey, schedulesByKey }: Ledger): string[] =>
  [...triesByKey].flatMap(([key, tries]) => {
    const rows = schedulesByKey.get(key)?.length ?? 0;
    const ids = new Set(tries.flatMap(({ outcome, scheduleId }) => (outcome === 'ok' && scheduleId ? [scheduleId] : [])));
    if (rows > 1) return [`idempotencyKey ${key} made ${rows} schedules`];
    return ids.size > 1 ? [`idempotencyKey ${key} was answered with ${ids.size} schedules: ${[...ids].join(', ')}`] : [];
  });

/** No client gets an unexpected error, whatever is broken. */
export const checkAnswers = ({ operations }: Ledger): string[] =>
  operations
    .filter(({ said }) => said === 'INTERNAL_SERVER_ERROR')
    .map((operation) => `${describeOperation(operation)} met an error that nobody foresaw`);
