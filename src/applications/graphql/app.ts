import type { makeRecordAuditEvents } from '../commands/record-audit-events.ts';

declare module '../../graphql/app.ts' {
  interface App {
    recordAuditEvents: ReturnType<typeof makeRecordAuditEvents>;
  }
}
