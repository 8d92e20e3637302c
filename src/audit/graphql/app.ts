import type { OperationBudget } from '../../graphql/operation-budget.ts';
import type { makeErasePerson } from '../commands/erase-person.ts';
import { sizeOf } from '../model/audit-event.ts';
import type { AuditLog } from '../ports/audit-log.ts';
import type { Follow } from '../ports/follow.ts';

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    log: AuditLog;
    follow: Follow;
    erasePerson: ReturnType<typeof makeErasePerson>;
  }
}

/** The log, but its reads count towards the budget of one operation. */
export const meterLog = (log: AuditLog, { read }: OperationBudget): AuditLog => ({
  ...log,
  list: (...args) =>
    read(
      () => log.list(...args),
      (entries) => ({ rows: entries.length, bytes: entries.reduce((bytes, entry) => bytes + sizeOf(entry), 0) }),
    ),
});
