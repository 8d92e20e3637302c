import { builder } from '../../graphql/builder.ts';
import type { EffectiveReason as Reason } from '../model/effective-state.ts';
import type { OverrideType as TypeOfOverride } from '../model/flag-override.ts';
import type { FlagStatus as Status } from '../model/flag-status.ts';
import type { FlagType as Type } from '../model/flag-type.ts';
import type { FlagOrderName } from './flag-orders.ts';

export const FlagType = builder.enumType('FlagType', {
  description: "The type of a flag's values.",
  values: {
    BOOLEAN: { description: 'True or false.' },
    STRING: { description: 'Text.' },
    NUMBER: { description: 'A number.' },
    OBJECT: { description: 'A JSON object.' },
  } as const satisfies Record<Type, { description: string }>,
});

export const FlagStatus = builder.enumType('FlagStatus', {
  description: 'The status of a flag, the same in all environments.',
  values: {
    ACTIVE: { description: 'In use.' },
    DEPRECATED: { description: 'It still works, but should no longer be used.' },
    ARCHIVED: { description: 'Off in all environments. It cannot be changed until it is ACTIVE again.' },
  } as const satisfies Record<Status, { description: string }>,
});

export const EffectiveReason = builder.enumType('EffectiveReason', {
  description: 'Why a flag is on or off in an environment.',
  values: {
    ENABLED: { description: 'It is on: it is enabled in the environment, and not archived.' },
    DISABLED: { description: 'It is off: it is disabled in the environment.' },
    FLAG_ARCHIVED: { description: 'It is off: it is archived, whatever its state in the environment says.' },
    FLAG_DELETED: { description: 'It is off: it was deleted during this request.' },
  } as const satisfies Record<Reason, { description: string }>,
});

export const OverrideType = builder.enumType('OverrideType', {
  description: 'Whom an override is for.',
  values: {
    USER: { description: "One user: the evaluation context's `targetingKey`." },
    GROUP: { description: "One group: an element of the evaluation context's `groups`." },
  } as const satisfies Record<TypeOfOverride, { description: string }>,
});

export const FlagOrder = builder.enumType('FlagOrder', {
  description: 'The order of flags. Flags that are equal in it are ordered by key.',
  values: {
    KEY_A_TO_Z: { description: 'By key, in alphabetical order.' },
    KEY_Z_TO_A: { description: 'By key, in reverse alphabetical order.' },
    NAME_A_TO_Z: { description: 'By name, in alphabetical order.' },
    NAME_Z_TO_A: { description: 'By name, in reverse alphabetical order.' },
    CREATED_NEWEST_FIRST: { description: 'Most recently created first.' },
    CREATED_OLDEST_FIRST: { description: 'Least recently created first.' },
    UPDATED_NEWEST_FIRST: { description: 'Most recently changed first; changes of its states do not count.' },
    UPDATED_OLDEST_FIRST: { description: 'Least recently changed first; changes of its states do not count.' },
    STATE_UPDATED_NEWEST_FIRST: {
      description: 'Most recently changed first in one environment: that of `filter.state`, or else production.',
    },
    STATE_UPDATED_OLDEST_FIRST: {
      description: 'Least recently changed first in one environment: that of `filter.state`, or else production.',
    },
  } as const satisfies Record<FlagOrderName, { description: string }>,
});
