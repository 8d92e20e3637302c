import { isObject, type Json, type LogEvent } from './event.ts';
import { CouldNotCheck, positions, Tampered } from './outcome.ts';
import type { Source } from './source.ts';

// What is missing must be declared by an event of the log itself, which comes later: `log.pruned` or `person.erased`.

type Run = { from: number; to: number };
type Withheld = { ids: string[]; position: number };

export type DeclaredState = {
  prunedTo: number;
  erased: [string, number][];
  epoch: number;
  epochAt: number;
  missing: Run[];
  withheld: Withheld[];
};

const fresh: DeclaredState = { prunedTo: 0, erased: [], epoch: 1, epochAt: 0, missing: [], withheld: [] };

/** More than this, and nobody would read on. An honest log has few: one for each person who was erased. */
const most = 10_000;

const textOf = (value: Json | undefined): string[] => (typeof value === 'string' && value.length <= 255 ? [value] : []);

/** Who an event is about or by, as far as it says so. */
const idsOf = ({ fields: { actor, metadata } }: LogEvent): string[] => {
  const values = isObject(metadata) ? Object.values(metadata) : [];
  const named = values.flatMap((value) => (isObject(value) ? textOf(value.id) : textOf(value)));
  return [...new Set([...(isObject(actor) ? textOf(actor.id) : []), ...named])].sort();
};

export const makeDeclared = (saved: DeclaredState = fresh) => {
  let { prunedTo, epoch, epochAt } = saved;
  const erased = new Map(saved.erased);
  const missing = saved.missing.map((run) => ({ ...run }));
  const withheld = new Map(saved.withheld.map((one) => [one.ids.join('\n'), one]));

  const declare = (eventType: Json | undefined, metadata: Json | undefined, position: number) => {
    if (!isObject(metadata)) return;
    if (eventType === 'log.pruned' && typeof metadata.prunedTo === 'number') prunedTo = Math.max(prunedTo, metadata.prunedTo);
    if (eventType === 'person.erased' && typeof metadata.actorId === 'string') erased.set(metadata.actorId, position);
    if (eventType === 'log.epoch_started' && typeof metadata.epoch === 'number' && metadata.epoch > epoch)
      [epoch, epochAt] = [metadata.epoch, position];
  };

  return {
    /** Takes an event of the log, or one that waits for its position. */
    declare,
    /** Notes that the source has no entry at a position. */
    noteMissing: (position: number) => {
      const last = missing.at(-1);
      if (last && last.to + 1 === position) last.to = position;
      else if (missing.length < most) missing.push({ from: position, to: position });
    },
    /** Notes an event with values that nobody disclosed. */
    noteWithheld: (event: LogEvent) => {
      const ids = idsOf(event);
      // The latest one counts: whoever was erased must have been erased after it.
      if (withheld.size < most) withheld.set(ids.join('\n'), { ids, position: event.position });
    },
    epoch: () => ({ epoch, epochAt }),
    prunedTo: () => prunedTo,
    isWaiting: () =>
      missing.some(({ to }) => to > prunedTo) ||
      [...withheld.values()].some(({ ids, position }) => !ids.some((id) => (erased.get(id) ?? 0) > position)),
    /** Throws for the first thing that is missing and that nothing declares. */
    conclude: (kind: Source['kind']) => {
      const gap = missing.find(({ to }) => to > prunedTo);
      if (gap) {
        const from = Math.max(gap.from, prunedTo + 1);
        if (kind === 'server')
          throw new CouldNotCheck(
            `the server does not give the entries at ${positions(from, gap.to)}, and the log does not say that they were pruned; verify the database, or a bundle`,
          );
        throw new Tampered(
          kind === 'bundle' ? 'missing' : 'pruned',
          [from, gap.to],
          `The entries at ${positions(from, gap.to)} are missing, and no log.pruned event of the log declares that.`,
        );
      }
      const undeclared = [...withheld.values()]
        .filter(({ ids, position }) => !ids.some((id) => (erased.get(id) ?? 0) > position))
        .sort((a, b) => a.position - b.position)[0];
      if (undeclared)
        throw new Tampered(
          'disclosure',
          undeclared.position,
          `A disclosure of the event at position ${undeclared.position} is missing, and no later person.erased event of the log declares that its person was erased.`,
        );
    },
    save: (): DeclaredState => ({ prunedTo, erased: [...erased], epoch, epochAt, missing, withheld: [...withheld.values()] }),
  };
};

export type Declared = ReturnType<typeof makeDeclared>;
