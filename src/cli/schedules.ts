import { type Command, InvalidArgumentError } from 'commander';
import { type ScheduleStatus, scheduleStatuses } from '../schedules/model/schedule.ts';
import { overdueAfterMs } from '../service/model/service-facts.ts';
import { readOrAsk, type Sources } from './ask-service.ts';
import { describeMs, inColumns, onOneLine } from './plain.ts';
import { askForSchedules, readSchedules, type ScheduleReport, type SchedulesReport } from './schedules-report.ts';

type Deps = Sources & {
  write: (text: string) => void;
};
type Options = { flag: string; environment?: string; status?: ScheduleStatus[]; limit: number; json?: boolean };

const limits = { most: 200, default: 50 };

const help = `
If a scheduled change did not happen, this tells why: its status, how late it is, why it failed, when it is tried again, and its
latest event in the audit log.

It reads the database, so it also works when no process runs. Set DATABASE_URL or DATA_DIR to the service's values. While a
service has the embedded database open, it asks that service over HTTP, at HOST and PORT.

Examples:
  flagtrail schedules --flag checkout-v2
  flagtrail schedules --flag checkout-v2 --environment production --status PENDING,FAILED
  flagtrail schedules --flag checkout-v2 --json | jq '.schedules[].lastEvent'`;

/** Adds `flagtrail schedules`: what happened to the scheduled changes of one flag. */
export const addSchedulesCommand = (program: Command, { write, ...sources }: Deps): void => {
  program
    .command('schedules')
    .description('show what happened to the scheduled changes of one flag')
    .requiredOption('--flag <key>', "the flag's key")
    .option('--environment <key>', 'only schedules of this environment')
    .option(
      '--status <list>',
      `only schedules with one of these statuses, separated by commas: ${scheduleStatuses.join(', ')}`,
      parseStatuses,
    )
    .option('--limit <n>', `show at most this many, the latest ones; 1 to ${limits.most}`, parseLimit, limits.default)
    .option('--json', 'print one JSON object')
    .addHelpText('after', help)
    .action(async ({ flag, environment, status, limit, json = false }: Options) => {
      const wanted = { flagKey: flag, environment, statuses: status, limit };
      const report = await readOrAsk(sources, {
        read: (database) => readSchedules(database, wanted),
        inquire: (ask) => askForSchedules(ask, wanted),
      });
      write(json ? `${JSON.stringify(report, null, 2)}\n` : `${describeReport(report)}\n`);
    });
};

const parseStatuses = (list: string): ScheduleStatus[] =>
  list.split(',').map((item) => {
    const status = scheduleStatuses.find((known) => known === item.trim().toUpperCase());
    if (!status) throw new InvalidArgumentError(`'${item}' is not one of ${scheduleStatuses.join(', ')}`);
    return status;
  });

const parseLimit = (text: string): number => {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > limits.most) throw new InvalidArgumentError(`allowed: 1 to ${limits.most}`);
  return limit;
};

const describeReport = ({ flagKey, databaseTime, total, causes, schedules }: SchedulesReport): string => {
  if (total === 0) return `Flag '${flagKey}' has no matching schedules.`;
  const isLate = schedules.some((schedule) => isOpen(schedule) && (schedule.latenessMs ?? 0) > overdueAfterMs);
  return [
    `${total === 1 ? '1 schedule' : `${total} schedules`} of flag '${flagKey}'${total > schedules.length ? `, the latest ${schedules.length}` : ''}; now ${databaseTime}`,
    ...schedules.flatMap((schedule) => ['', ...describeSchedule(schedule)]),
    ...(isLate ? ['', 'Overdue, because:', ...causes.map((cause) => `  ! ${onOneLine(cause)}`)] : []),
  ].join('\n');
};

const isOpen = ({ status, nextRetryAt }: ScheduleReport): boolean => status === 'PENDING' || nextRetryAt !== null;

const describeSchedule = (schedule: ScheduleReport): string[] => {
  const { id, status, environment, scheduledAt, updates, createdBy, createdAt, appliedAt, nextRetryAt, latenessMs } = schedule;
  const { cancelledAt, cancelledBy, cancelReason, lastError, lastErrorAt, retryCount, maxRetries, lastEvent } = schedule;
  const late = latenessMs !== null && latenessMs > 0 ? `, ${describeMs(latenessMs)} late` : '';
  const by = (who: string | null) => (who === null ? '' : ` by ${onOneLine(who)}`);
  const rows: [string, string | null][] = [
    ['change', onOneLine(JSON.stringify(updates))],
    ['due', `${scheduledAt}${status === 'PENDING' ? late : ''}`],
    ['created', `${createdAt}${by(createdBy)}`],
    ['applied', appliedAt && `${appliedAt}${late}`],
    [
      'cancelled',
      cancelledAt && `${cancelledAt}${by(cancelledBy)}${cancelReason === null ? '' : `: ${onOneLine(cancelReason)}`}`,
    ],
    [
      status === 'FAILED' ? 'error' : 'last error',
      lastError && `${onOneLine(lastError)}${lastErrorAt === null ? '' : ` (${lastErrorAt})`}`,
    ],
    ['next try', status === 'FAILED' ? describeRetry({ nextRetryAt, retryCount, maxRetries, late }) : null],
    ['log', lastEvent && `${lastEvent.eventType} ${lastEvent.occurredAt}: ${onOneLine(lastEvent.description)}`],
  ];
  return [
    `${status}  ${environment}  ${id}`,
    ...inColumns(rows.filter(([, text]) => text !== null).map(([name, text]) => [name, text ?? ''])),
  ];
};

const describeRetry = ({
  nextRetryAt,
  retryCount,
  maxRetries,
  late,
}: Pick<ScheduleReport, 'nextRetryAt' | 'retryCount' | 'maxRetries'> & { late: string }) =>
  nextRetryAt === null
    ? `none: it has failed for good after ${retryCount} of ${maxRetries} retries`
    : `${nextRetryAt}${late} (${retryCount} of ${maxRetries} retries made)`;
