import { isObject, type Json, type JsonObject, type LogEvent } from './event.ts';
import { CouldNotCheck, positions, Tampered } from './outcome.ts';
import type { Source } from './source.ts';

// What is missing must be declared by an event of the log itself, which comes later: `log.pruned` or `person.erased`.

type Run = { from: number; to: number };
/** The latest event of a person with something missing, which a later event must explain. */
type Withheld = { actorId: string; position: number };
type Erased = { actorId: string; position: number; at: number };

export type DeclaredState = {
  prunedTo: number;
  erased: Erased[];
  epoch: number;
  epochAt: number;
  missing: Run[];
  withheld: Withheld[];
};

const fresh: DeclaredState = { prunedTo: 0, erased: [], epoch: 1, epochAt: 0, missing: [], withheld: [] };

/** More than this, and nobody would read on. An honest log has few: one for each person who was erased. */
const most = 10_000;
/** Clocks of processes differ. */
const slackMs = 600_000;

const instantOf = (timestamp: Json | undefined): number => (typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN);

export const makeDeclared = (saved: DeclaredState = fresh) => {
  let { prunedTo, epoch, epochAt } = saved;
  const erased = new Map(saved.erased.map((one) => [one.actorId, one]));
  const missing = saved.missing.map((run) => ({ ...run }));
  const withheld = new Map(saved.withheld.map((one) => [one.actorId, one.position]));

  const declare = ({ eventType, metadata, timestamp }: JsonObject, position: number) => {
    if (!isObject(metadata)) return;
    // What comes after it, it cannot have seen: else one such event would excuse every later gap.
    if (eventType === 'log.pruned' && typeof metadata.prunedTo === 'number' && metadata.prunedTo < position)
      prunedTo = Math.max(prunedTo, metadata.prunedTo);
    if (eventType === 'person.erased' && typeof metadata.actorId === 'string')
      erased.set(metadata.actorId, { actorId: metadata.actorId, position, at: instantOf(timestamp) });
    if (eventType === 'log.epoch_started' && typeof metadata.epoch === 'number' && metadata.epoch > epoch)
      [epoch, epochAt] = [metadata.epoch, position];
  };

  const undeclared = (): Withheld[] =>
    [...withheld]
      .map(([actorId, position]) => ({ actorId, position }))
      .filter(({ actorId, position }) => (erased.get(actorId)?.position ?? 0) < position);

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
    noteWithheld: ({ fields: { actor, timestamp }, position }: LogEvent) => {
      const actorId = isObject(actor) && typeof actor.id === 'string' ? actor.id : '';
      // What a spool brings later is stripped on its way into the log.
      const isFromBefore = instantOf(timestamp) <= (erased.get(actorId)?.at ?? Number.NaN) + slackMs;
      if (!isFromBefore && withheld.size < most) withheld.set(actorId, position);
    },
    epoch: () => ({ epoch, epochAt }),
    prunedTo: () => prunedTo,
    isErased: (actorId: string) => erased.has(actorId),
    isWaiting: () => missing.some(({ to }) => to > prunedTo) || undeclared().length > 0,
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
      const [first] = undeclared().sort((a, b) => a.position - b.position);
      if (first)
        throw new Tampered(
          'disclosure',
          first.position,
          `A disclosure of the event at position ${first.position} is missing, and no person.erased event of the log declares that its actor was erased.`,
        );
    },
    save: (): DeclaredState => ({
      ...{ prunedTo, epoch, epochAt, missing, erased: [...erased.values()] },
      withheld: [...withheld].map(([actorId, position]) => ({ actorId, position })),
    }),
  };
};

export type Declared = ReturnType<typeof makeDeclared>;
