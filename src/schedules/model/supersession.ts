import { quote } from '../../audit/model/changes.ts';
import { describeSetter, type LastSet, type Setting } from '../../flags/model/last-set.ts';
import { stateFields } from '../../flags/model/state-fields.ts';
import { isSameJson } from '../../kernel/json.ts';
import type { Held } from './held.ts';
import { isBefore, orderOf, type Schedule } from './schedule.ts';

/**
 * Why a schedule must not be applied any more: it would undo what was done meanwhile. Judged by field: a value that is there
 * already undoes nothing, and what touches other fields does not count. Null: nothing is in the way.
 */
export const findSupersession = (schedule: Schedule, { flag, state }: Held, now: Date): string | null => {
  const superseded = ([...stateFields, 'status'] as const).flatMap((field) => {
    const wanted = schedule.updates?.[field];
    if (wanted == null) return [];
    const [current, lastSet, triedVersion] =
      field === 'status'
        ? [flag.status, flag.statusLastSet, schedule.triedFlagVersion]
        : [state[field], state.lastSet[field], schedule.triedStateVersion];
    const winner = lastSet && findWinner(schedule, { lastSet, triedVersion, now });
    return winner && !isSameJson(wanted, current) ? [describe(field, winner)] : [];
  });
  return superseded.length > 0 ? `superseded: ${superseded.join('; ')}` : null;
};

/** A schedule that comes later in order wins always; a person, against what had failed before. Versions tell that, no clocks. */
const findWinner = (
  schedule: Schedule,
  { lastSet: { byActor, bySchedule }, triedVersion, now }: { lastSet: LastSet; triedVersion: number | null; now: Date },
): Setting | null => {
  const isLater = bySchedule && isBefore(orderOf(schedule, now), placeOf(bySchedule));
  const isNews = byActor && triedVersion !== null && byActor.version > triedVersion;
  if (isLater && isNews) return byActor.version > bySchedule.version ? byActor : bySchedule;
  return (isLater && bySchedule) || (isNews && byActor) || null;
};

const placeOf = ({ schedule: { id, scheduledAt } }: NonNullable<LastSet['bySchedule']>) => ({
  id,
  scheduledAt: new Date(scheduledAt),
});

const describe = (field: string, setting: Setting): string => {
  const after = 'actor' in setting ? ', after this schedule had failed first' : '';
  return `${describeSetting(field, setting)} ${describeSetter(setting)}${after}`;
};

const describeSetting = (field: string, { from, to }: Setting): string => {
  const isKnown = from !== undefined && from !== to;
  if (field === 'rules') return isKnown ? `rules count was changed from ${quote(from)} to ${quote(to)}` : 'rules were set';
  return isKnown ? `${field} was changed from ${quote(from)} to ${quote(to)}` : `${field} was set to ${quote(to)}`;
};
