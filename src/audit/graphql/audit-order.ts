import { builder } from '../../graphql/builder.ts';

export const AuditOrder = builder.enumType('AuditOrder', {
  description: 'The order of events, by position in the log.',
  values: {
    NEWEST_FIRST: { description: 'The newest event first.' },
    OLDEST_FIRST: { description: 'The oldest event first.' },
  } as const satisfies Record<'NEWEST_FIRST' | 'OLDEST_FIRST', { description: string }>,
});
