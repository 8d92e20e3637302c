import { builder } from '../../graphql/builder.ts';
import type { AuditResult as Result } from '../model/audit-event.ts';

export const AuditResult = builder.enumType('AuditResult', {
  description: 'How an action ended.',
  values: {
    SUCCESS: { description: 'It was done.' },
    FAILURE: { description: 'It was tried and failed; `errorMessage` says why.' },
    DENIED: { description: 'The caller was not allowed to do it.' },
  } as const satisfies Record<Result, { description: string }>,
});
