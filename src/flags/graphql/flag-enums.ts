import { builder } from '../../graphql/builder.ts';
import type { EffectiveReason as Reason } from '../model/effective-state.ts';
import type { OverrideType as TypeOfOverride } from '../model/flag-override.ts';
import type { FlagStatus as Status } from '../model/flag-status.ts';
import type { FlagType as Type } from '../model/flag-type.ts';
import type { FlagOrderName } from './flag-orders.ts';

export const FlagType = builder.enumType('FlagType', {
  description: "What a flag's variants hold.",
  values: {
    BOOLEAN: { description: 'On or off.' },
    STRING: { description: 'Text.' },
    NUMBER: { description: 'A number.' },
    OBJECT: { description: 'A JSON object.' },
  } as const satisfies Record<Type, { description: string }>,
});

export const FlagStatus = builder.enumType('FlagStatus', {
  description: 'Where a flag is in its life.',
  values: {
    ACTIVE: { description: 'In use.' },
    DEPRECATED: { description: 'On its way out: it still works.' },
    ARCHIVED: { description: 'Off everywhere. It takes no change but its return to ACTIVE.' },
  } as const satisfies Record<Status, { description: string }>,
});

export const EffectiveReason = builder.enumType('EffectiveReason', {
  description: 'Why a flag is on or off in an environment.',
  values: {
    ENABLED: { description: 'It is on: it is enabled there, and the flag is not archived.' },
    DISABLED: { description: 'It is off: it is disabled there.' },
    FLAG_ARCHIVED: { description: 'It is off: the flag is archived, whatever its state there says.' },
    FLAG_DELETED: { description: 'It is off: the flag was deleted while the request was answered.' },
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
  description: 'How flags are sorted; ties are sorted by key.',
  values: {
    KEY_A_TO_Z: { description: 'By key, in alphabetical order.' },
    KEY_Z_TO_A: { description: 'By key, the other way round.' },
    NAME_A_TO_Z: { description: 'By name, in alphabetical order.' },
    NAME_Z_TO_A: { description: 'By name, the other way round.' },
    CREATED_NEWEST_FIRST: { description: 'Most recently created first.' },
    CREATED_OLDEST_FIRST: { description: 'The oldest first.' },
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
