import { quote } from '../../audit/model/changes.ts';
import { describeSetter, type LastSet, type Setting } from '../../flags/model/last-set.ts';
import { stateFields } from '../../flags/model/state-fields.ts';
import { isSameJson } from '../../kernel/json.ts';
import type { Held } from './held.ts';
import { isBefore, orderOf, type Schedule } from './schedule.ts';

/**
 * Finds why a schedule must no longer be applied: it would undo a newer change. Each field is judged separately; changes of
 * other fields do not count, nor does a field that already has the scheduled value. Null if the schedule can be applied.
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

/**
 * A later schedule in order always wins. A person wins only against a schedule that had failed before. Versions decide this,
 * because clocks can disagree.
 */
const findWinner = (
  schedule: Schedule,
  { lastSet: { byActor, bySchedule }, triedVersion, now }: { lastSet: LastSet; triedVersion: number | null; now: Date },
): Setting | null => {
  const isLaterSchedule = bySchedule && isBefore(orderOf(schedule, now), placeOf(bySchedule));
  const isNewerActor = byActor && triedVersion !== null && byActor.version > triedVersion;
  if (isLaterSchedule && isNewerActor) return byActor.version > bySchedule.version ? byActor : bySchedule;
  return (isLaterSchedule && bySchedule) || (isNewerActor && byActor) || null;
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
