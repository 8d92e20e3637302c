import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { type ConnectionArgs, decodeCursor, encodeCursor, notACursor, resolvePage } from '../../graphql/connection.ts';
import { filterList } from '../../kernel/filter-list.ts';
import { isInstant } from '../../kernel/instant.ts';
import type { FlagFilter, FlagOrderField, FlagPlace, FlagStore, ListedFlag } from '../commands/flag-store.ts';
import { flagStatuses } from '../model/flag-status.ts';
import { FlagRef } from './flag.ts';
import { FlagStatus, FlagType } from './flag-enums.ts';
import { type FlagOrderName, flagOrders } from './flag-orders.ts';

const FlagStateFilterInput = builder.inputType('FlagStateFilter', {
  description: 'Conditions on the state in one environment. A flag must meet all that are given.',
  fields: (t) => ({
    environment: t.string({ required: true, defaultValue: 'production', description: "The environment's key." }),
    enabled: t.boolean({ description: 'Whether it is enabled there. An archived flag can be enabled, although it is off.' }),
    minRollout: t.int({ description: 'With at least this rollout percentage.' }),
    maxRollout: t.int({ description: 'With at most this rollout percentage.' }),
    hasExperiment: t.boolean({ description: 'Whether an experiment runs there.' }),
  }),
});

export const FlagFilterInput = builder.inputType('FlagFilter', {
  description: 'Conditions on flags. A flag must meet all that are given.',
  fields: (t) => ({
    search: t.string({ description: 'Part of the key or the name, in upper or lower case.' }),
    type: t.field({ type: FlagType, description: 'Of this type.' }),
    statuses: t.field({
      type: [FlagStatus],
      validate: { schema: filterList(z.enum(flagStatuses), 'statuses') },
      description: 'With any of these statuses: up to 1,000.',
    }),
    tags: t.stringList({ description: 'With all of these tags.' }),
    state: t.field({ type: FlagStateFilterInput, description: 'Conditions on the state in one environment.' }),
    hasEmergency: t.boolean({
      description: 'Whether an emergency override is in force: in any environment or, if `state` is given, in its environment.',
    }),
    hasOpenSchedules: t.boolean({
      description: 'Whether there are open schedules: in any environment or, if `state` is given, in its environment.',
    }),
  }),
});

export const FlagEdge = builder.edgeObject({ name: 'FlagEdge', description: 'A flag in a list.', type: FlagRef });
export const FlagConnection = builder.connectionObject(
  { name: 'FlagConnection', description: 'A page of flags.', type: FlagRef },
  FlagEdge,
);

/** A cursor names the field that its list is ordered by, because a place by name means nothing in a list by instant. */
const cursorKinds = {
  key: 'flag',
  name: 'flagByName',
  createdAt: 'flagByCreation',
  updatedAt: 'flagByUpdate',
  stateUpdatedAt: 'flagByStateUpdate',
} as const;

const toCursor = ({ key, name, createdAt, updatedAt, stateUpdatedAt }: ListedFlag, by: FlagOrderField): string => {
  // A key has no colon, so it can be split off again.
  const places = {
    key,
    name: `${key}:${name}`,
    createdAt: `${key}:${createdAt.getTime()}`,
    updatedAt: `${key}:${updatedAt.getTime()}`,
    stateUpdatedAt: `${key}:${stateUpdatedAt?.getTime()}`,
  };
  return encodeCursor(cursorKinds[by], places[by]);
};

const parseCursor = (cursor: string, by: FlagOrderField): FlagPlace => {
  const place = decodeCursor(cursorKinds[by], cursor);
  if (by === 'key') return { key: place };
  const [, key = '', value] = /^([^:]+):(.*)$/s.exec(place) ?? [];
  if (value === undefined) throw notACursor(cursor);
  if (by === 'name') return { key, name: value };
  const instant = new Date(/^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN);
  if (!isInstant(instant)) throw notACursor(cursor);
  return { key, [by]: instant };
};

type FlagArgs = ConnectionArgs & { filter?: FlagFilter | null; order?: FlagOrderName | null };

/** A page of flags. */
export const resolveFlags = (flags: FlagStore, args: FlagArgs) => {
  const { by, falling } = flagOrders[args.order ?? 'KEY_A_TO_Z'];
  return resolvePage<ListedFlag, FlagPlace>({
    args,
    cursorOf: (flag) => toCursor(flag, by),
    parse: (cursor) => parseCursor(cursor, by),
    list: (slice) => flags.list(args.filter ?? {}, slice, by),
    count: () => flags.count(args.filter ?? {}),
    newestFirst: falling,
  });
};
