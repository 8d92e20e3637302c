import type { Command } from 'commander';
import { readOrAsk, type Sources } from './ask-service.ts';
import { describeMs, inColumns, onOneLine } from './plain.ts';
import { readServiceReport, type ServiceReport, serviceReportQuery } from './service-report.ts';

type Deps = Sources & {
  write: (text: string) => void;
  setExitCode: (code: number) => void;
};

const help = `
It reads the database, so it also works when no process runs. Set DATABASE_URL or DATA_DIR to the service's values. While a
service has the embedded database open, it asks that service over HTTP, at HOST and PORT.

Exits with 0 if all is well, and with 1 if something is wrong or unknown.

Examples:
  flagtrail status
  flagtrail status --json | jq .overdueSchedules`;

/** Adds `flagtrail status`, which prints the answer of the query serviceStatus. */
export const addStatusCommand = (program: Command, { write, setExitCode, ...sources }: Deps): void => {
  program
    .command('status')
    .description('show whether the service is well: its processes, overdue schedules, the log and its sinks')
    .option('--json', 'print one JSON object, with the fields of the query serviceStatus')
    .addHelpText('after', help)
    .action(async ({ json = false }: { json?: boolean }) => {
      const report = await readOrAsk(sources, {
        read: readServiceReport,
        inquire: async (ask) => (await ask<{ serviceStatus: ServiceReport }>(serviceReportQuery)).serviceStatus,
      });
      write(json ? `${JSON.stringify(report, null, 2)}\n` : `${describeReport(report)}\n`);
      setExitCode(report.warnings.length > 0 ? 1 : 0);
    });
};

const describeReport = (report: ServiceReport): string => {
  const { databaseTime, warnings, processes, overdueSchedules, sinks, sequencer, log, losses } = report;
  const agoOf = (instant: string) => `${describeMs(Date.parse(databaseTime) - Date.parse(instant))} ago`;
  return [
    `${databaseTime} by the database's clock`,
    '',
    ...(warnings.length === 0 ? ['All is well.'] : ['Something is wrong:', ...warnings.map((text) => `  ! ${onOneLine(text)}`)]),
    '',
    processes.length === 0 ? 'Processes: none' : 'Processes',
    ...inColumns(
      processes.map(({ host, pid, roles, version, lastSeenAt, startedAt, isSeen, clockSkewMs, spool }) => [
        `${onOneLine(host)}:${pid}`,
        roles.join(',') || '(no role)',
        version,
        isSeen ? `up since ${startedAt}` : `GONE, last seen ${agoOf(lastSeenAt)}`,
        clockSkewMs === null ? '' : `clock ${clockSkewMs < 0 ? '-' : '+'}${(Math.abs(clockSkewMs) / 1000).toFixed(1)} s`,
        spool && spool.waiting > 0 ? `${spool.waiting} spooled` : '',
        spool && spool.deadLetters > 0 ? `${spool.deadLetters} in dead-letters.ndjson` : '',
      ]),
    ),
    '',
    `Overdue schedules: ${overdueSchedules.count}`,
    ...inColumns(
      overdueSchedules.schedules.map(({ id, flagKey, environment, scheduledAt, nextRetryAt, lastError }) => [
        flagKey,
        environment,
        `due ${nextRetryAt ?? scheduledAt}`,
        id,
        lastError === null ? '' : onOneLine(lastError),
      ]),
    ),
    '',
    sinks.length === 0 ? 'Sinks: none has run yet' : 'Sinks',
    ...inColumns(
      sinks.map(({ name, position, lag, lastError, lastErrorAt, updatedAt }) => [
        name,
        `at ${position}`,
        `${lag} behind`,
        lastError === null ? `moved ${agoOf(updatedAt)}` : `failed ${agoOf(lastErrorAt ?? updatedAt)}: ${onOneLine(lastError)}`,
      ]),
    ),
    '',
    `Log: ${describeLog(log, agoOf)}`,
    `Waiting for a position in the log: ${describeWaiting(sequencer)}`,
    `Declared lost: ${losses.flagtrail} by Flagtrail, ${losses.applications} by applications`,
  ].join('\n');
};

const describeLog = (
  { size, prunedTo, epoch, signedSize, signedAt }: ServiceReport['log'],
  agoOf: (instant: string) => string,
): string => {
  const signed = signedAt === null ? 'not signed yet' : `signed up to ${signedSize}, ${agoOf(signedAt)}`;
  return `${size} ${size === 1 ? 'entry' : 'entries'}${prunedTo > 0 ? ` (pruned up to ${prunedTo})` : ''}, ${signed}${epoch > 1 ? `, in epoch ${epoch}` : ''}`;
};

const describeWaiting = (sequencer: ServiceReport['sequencer']): string => {
  if (!sequencer) return 'unknown, because the outbox is locked';
  return `${sequencer.waiting}${sequencer.waiting > 0 ? `, the oldest for ${describeMs(sequencer.oldestMs)}` : ''}`;
};
