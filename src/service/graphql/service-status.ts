import { builder, requires } from '../../graphql/builder.ts';
import { ScheduleRef } from '../../schedules/graphql/schedule.ts';
import type { SinkFacts } from '../model/service-facts.ts';
import type { ServiceProcess } from '../model/service-process.ts';
import type { ServiceStatus } from '../model/service-status.ts';

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    readServiceStatus(): Promise<ServiceStatus>;
  }
}

const ProcessSpool = builder.objectRef<{ waiting: number; lost: number }>('ProcessSpool').implement({
  description: 'Audit events on the disk of a process: processes that share a DATA_DIR share it.',
  fields: (t) => ({
    waiting: t.exposeInt('waiting', {
      description: 'Events that the database has not taken yet; they are recorded when it does.',
    }),
    lost: t.exposeInt('lost', { description: 'Events lost for good that the log has not declared yet.' }),
  }),
});

const Process = builder.objectRef<ServiceProcess>('ServiceProcess').implement({
  description: 'A process of the service, as it announced itself last. One that was killed stays on the list for a day.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID (version 7), new at each start.' }),
    roles: t.stringList({
      description: 'What it runs, as ROLES has it: api, worker, audit.',
      resolve: ({ roles }) => [...roles],
    }),
    version: t.exposeString('version', { description: 'The release of Flagtrail that it runs.' }),
    host: t.exposeString('host', { description: 'The name of its machine or container.' }),
    pid: t.exposeInt('pid', { description: 'Its process id there.' }),
    startedAt: t.field({ type: 'DateTime', description: 'When it started.', resolve: ({ startedAt }) => startedAt }),
    lastSeenAt: t.field({
      type: 'DateTime',
      description: 'When it announced itself last, which it does every few seconds.',
      resolve: ({ lastSeenAt }) => lastSeenAt,
    }),
    isSeen: t.exposeBoolean('isSeen', { description: 'Whether that is at most 30 seconds ago.' }),
    clockSkewMs: t.exposeFloat('clockSkewMs', {
      nullable: true,
      description: "How many milliseconds its clock is ahead of the database's (negative: behind); null until it is measured.",
    }),
    spool: t.field({
      type: ProcessSpool,
      nullable: true,
      description: 'Audit events on its disk.',
      resolve: ({ detail }) => detail.spool ?? null,
    }),
    workerError: t.string({
      nullable: true,
      description: 'Why its worker could apply nothing at its latest try; null where it could, or has no worker.',
      resolve: ({ detail }) => detail.workerError?.message ?? null,
    }),
  }),
});

const OverdueSchedules = builder.objectRef<ServiceStatus['overdueSchedules']>('OverdueSchedules').implement({
  description: 'Schedules that have been due for more than a minute, and were not applied.',
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many; 1000 stands for 1000 or more.' }),
    oldestDueAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the oldest of them was due; null where there are none.',
      resolve: ({ oldestDueAt }) => oldestDueAt,
    }),
    latenessMs: t.exposeFloat('latenessMs', { description: 'How many milliseconds ago that was; 0 where there are none.' }),
    causes: t.stringList({
      description: 'Why, as far as that is known: no worker, a lock and who holds it, an error of a worker, clocks that differ.',
      resolve: ({ causes }) => [...causes],
    }),
    schedules: t.field({
      type: [ScheduleRef],
      description: 'The oldest ten.',
      extensions: { maxItems: 10 },
      resolve: ({ schedules }) => [...schedules],
    }),
  }),
});

const Sink = builder.objectRef<SinkFacts>('SinkStatus').implement({
  description: 'How far a place that the log is shipped to has come.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What it is called: stdout, cloudwatch …' }),
    position: t.field({
      type: 'SafeInt',
      description: 'The position of the last event that it accepted.',
      resolve: ({ position }) => position,
    }),
    lag: t.field({ type: 'SafeInt', description: 'Events in the log after that.', resolve: ({ lag }) => lag }),
    lastError: t.exposeString('lastError', {
      nullable: true,
      description: 'Why the latest try failed; null where it succeeded.',
    }),
    lastErrorAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it failed.',
      resolve: ({ lastErrorAt }) => lastErrorAt,
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When it accepted something, or failed to, for the last time.',
      resolve: ({ updatedAt }) => updatedAt,
    }),
  }),
});

const Sequencer = builder.objectRef<NonNullable<ServiceStatus['sequencer']>>('SequencerStatus').implement({
  description: 'Events of committed changes on their way into the log.',
  fields: (t) => ({
    waiting: t.exposeInt('waiting', { description: 'Events without a position yet; 100000 stands for that many or more.' }),
    oldestMs: t.exposeFloat('oldestMs', {
      description: 'How many milliseconds the oldest of them has waited; 0 where there are none.',
    }),
  }),
});

const Losses = builder.objectRef<{ flagtrail: number; applications: number }>('DeclaredLosses').implement({
  description: 'Events lost for good, in all, as the log itself declares them (`audit.loss`).',
  fields: (t) => ({
    flagtrail: t.field({ type: 'SafeInt', description: 'By this service.', resolve: ({ flagtrail }) => flagtrail }),
    applications: t.field({
      type: 'SafeInt',
      description: 'By applications, as they say.',
      resolve: ({ applications }) => applications,
    }),
  }),
});

const Status = builder.objectRef<ServiceStatus>('ServiceStatus').implement({
  description: 'How the service is: who runs it, what is late, what waits, and what is wrong.',
  fields: (t) => ({
    databaseTime: t.field({
      type: 'DateTime',
      description: "What the database's clock said: it decides what is due.",
      resolve: ({ databaseTime }) => databaseTime,
    }),
    processes: t.field({
      type: [Process],
      description: 'Every process that announced itself within a day, seen last first.',
      extensions: { maxItems: 20 },
      resolve: ({ processes }) => [...processes],
    }),
    missingRoles: t.stringList({
      description: 'Roles that no process runs which is seen: api, worker, audit.',
      resolve: ({ missingRoles }) => [...missingRoles],
    }),
    overdueSchedules: t.field({
      type: OverdueSchedules,
      description: 'What should have been applied by now.',
      resolve: ({ overdueSchedules }) => overdueSchedules,
    }),
    sinks: t.field({
      type: [Sink],
      description: 'Where the log is shipped to, and was.',
      extensions: { maxItems: 10 },
      resolve: ({ sinks }) => [...sinks],
    }),
    sequencer: t.field({
      type: Sequencer,
      nullable: true,
      description: 'What waits for its place in the log; null while a lock keeps everybody from the outbox.',
      resolve: ({ sequencer }) => sequencer,
    }),
    losses: t.field({
      type: Losses,
      description: 'What was lost.',
      resolve: (_status, _args, { app }) => app.log.declaredLost(),
    }),
    warnings: t.stringList({
      description: 'Everything that somebody should look at, a sentence each; empty where all is well.',
      resolve: ({ warnings }) => [...warnings],
    }),
  }),
});

builder.queryField('serviceStatus', (t) =>
  t.field({
    type: Status,
    description: 'How the service is, without SQL: processes, overdue schedules and their causes, sinks, losses.',
    ...requires('AUDITOR'),
    resolve: (_root, _args, { app }) => app.readServiceStatus(),
  }),
);
