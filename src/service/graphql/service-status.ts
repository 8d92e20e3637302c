import { builder, requires } from '../../graphql/builder.ts';
import { ScheduleRef } from '../../schedules/graphql/schedule.ts';
import type { LogFacts, SinkFacts } from '../model/service-facts.ts';
import type { ServiceProcess } from '../model/service-process.ts';
import type { ServiceStatus } from '../model/service-status.ts';

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    readServiceStatus(): Promise<ServiceStatus>;
  }
}

const ProcessSpool = builder.objectRef<NonNullable<ServiceProcess['detail']['spool']>>('ProcessSpool').implement({
  description: 'Audit events in the spool of a process. Processes with the same DATA_DIR share one spool.',
  fields: (t) => ({
    waiting: t.exposeInt('waiting', {
      description: 'Events that the database has not taken yet. They are recorded as soon as it takes events again.',
    }),
    lost: t.exposeInt('lost', { description: 'Events that are lost for good and that the log has not declared yet.' }),
    deadLetters: t.int({
      description:
        'Events that were given up, for example because the outbox refused them for ever. They are in the files dead-letters.ndjson and dead-letters.1.ndjson in DATA_DIR, and the log declares them as lost.',
      resolve: ({ deadLetters }) => deadLetters ?? 0,
    }),
  }),
});

const Process = builder.objectRef<ServiceProcess>('ServiceProcess').implement({
  description: 'A process of the service, as it last announced itself. A process that was killed stays on the list for a day.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID (version 7), new at each start.' }),
    roles: t.stringList({
      description: 'What it runs, as in the setting ROLES: api, worker, audit.',
      resolve: ({ roles }) => [...roles],
    }),
    version: t.exposeString('version', { description: 'The version of Flagtrail that it runs.' }),
    host: t.exposeString('host', { description: 'The name of its machine or container.' }),
    pid: t.exposeInt('pid', { description: 'Its process id on that host.' }),
    startedAt: t.field({ type: 'DateTime', description: 'When it started.', resolve: ({ startedAt }) => startedAt }),
    lastSeenAt: t.field({
      type: 'DateTime',
      description: 'When it last announced itself, which it does every few seconds.',
      resolve: ({ lastSeenAt }) => lastSeenAt,
    }),
    isSeen: t.exposeBoolean('isSeen', { description: 'Whether it announced itself within the last 30 seconds.' }),
    clockSkewMs: t.exposeFloat('clockSkewMs', {
      nullable: true,
      description:
        "How many milliseconds its clock is ahead of the database's (negative: behind); null until it has been measured.",
    }),
    spool: t.field({
      type: ProcessSpool,
      nullable: true,
      description: 'Its spool: audit events on its disk.',
      resolve: ({ detail }) => detail.spool ?? null,
    }),
    workerError: t.string({
      nullable: true,
      description: 'Why the latest tick of its worker failed; null if it succeeded, or if the process has no worker.',
      resolve: ({ detail }) => detail.workerError?.message ?? null,
    }),
  }),
});

const OverdueSchedules = builder.objectRef<ServiceStatus['overdueSchedules']>('OverdueSchedules').implement({
  description: 'Schedules that have been due for more than a minute and are not applied yet.',
  fields: (t) => ({
    count: t.exposeInt('count', { description: 'How many there are; 1000 means 1000 or more.' }),
    oldestDueAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the oldest of them was due; null if there are none.',
      resolve: ({ oldestDueAt }) => oldestDueAt,
    }),
    latenessMs: t.exposeFloat('latenessMs', {
      description: 'How many milliseconds the oldest of them is late; 0 if there are none.',
    }),
    causes: t.stringList({
      description:
        'The causes, as far as they are known: no worker, a lock and who holds it, an error in a worker, clocks that differ.',
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
  description: 'How much of the log a sink has accepted.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, for example stdout or cloudwatch.' }),
    position: t.field({
      type: 'SafeInt',
      description: 'The position of the last event that it accepted.',
      resolve: ({ position }) => position,
    }),
    lag: t.field({
      type: 'SafeInt',
      description: 'How many later events of the log it has not accepted yet.',
      resolve: ({ lag }) => lag,
    }),
    lastError: t.exposeString('lastError', {
      nullable: true,
      description: 'Why the latest attempt failed; null if it succeeded.',
    }),
    lastErrorAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When that attempt failed.',
      resolve: ({ lastErrorAt }) => lastErrorAt,
    }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When it last accepted events, or failed to.',
      resolve: ({ updatedAt }) => updatedAt,
    }),
  }),
});

const Sequencer = builder.objectRef<NonNullable<ServiceStatus['sequencer']>>('SequencerStatus').implement({
  description: 'Committed events that are not in the log yet.',
  fields: (t) => ({
    waiting: t.exposeInt('waiting', { description: 'How many events have no position yet; 100000 means 100000 or more.' }),
    oldestMs: t.exposeFloat('oldestMs', {
      description: 'How many milliseconds the oldest of them has waited; 0 if there are none.',
    }),
  }),
});

const Log = builder.objectRef<LogFacts>('LogStatus').implement({
  description: 'The log: how long it is, and how far it is signed.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Names the log in its checkpoints. A UUID.' }),
    epoch: t.exposeInt('epoch', {
      description: 'Begins with 1. A new epoch starts when the log goes on after a restore that lost entries.',
    }),
    size: t.field({
      type: 'SafeInt',
      description: 'How many entries it has, the pruned ones included.',
      resolve: ({ size }) => size,
    }),
    prunedTo: t.field({
      type: 'SafeInt',
      description: 'Entries up to this position are pruned: only their hashes are left. 0 if none is.',
      resolve: ({ prunedTo }) => prunedTo,
    }),
    signingKey: t.exposeString('signingKey', {
      nullable: true,
      description:
        'The verifier line of the key that signs it, for auditors (https://c2sp.org/signed-note); null if nobody has signed it yet.',
    }),
    signedSize: t.field({
      type: 'SafeInt',
      nullable: true,
      description: 'How many entries the latest checkpoint of this epoch covers; null if there is none yet.',
      resolve: ({ checkpoint }) => checkpoint?.size ?? null,
    }),
    signedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When that checkpoint was signed.',
      resolve: ({ checkpoint }) => checkpoint?.signedAt ?? null,
    }),
  }),
});

const Losses = builder.objectRef<{ flagtrail: number; applications: number }>('DeclaredLosses').implement({
  description: 'How many events were lost for good, as the log itself declares them (`audit.loss`).',
  fields: (t) => ({
    flagtrail: t.field({ type: 'SafeInt', description: 'Lost by this service.', resolve: ({ flagtrail }) => flagtrail }),
    applications: t.field({
      type: 'SafeInt',
      description: 'Lost by applications, as they reported it.',
      resolve: ({ applications }) => applications,
    }),
  }),
});

const Status = builder.objectRef<ServiceStatus>('ServiceStatus').implement({
  description: 'The health of the service: its processes, what is late, what waits, and what is wrong.',
  fields: (t) => ({
    databaseTime: t.field({
      type: 'DateTime',
      description: "The time by the database's clock, which decides what is due.",
      resolve: ({ databaseTime }) => databaseTime,
    }),
    processes: t.field({
      type: [Process],
      description: 'Every process that announced itself within the last day, the most recent one first.',
      extensions: { maxItems: 20 },
      resolve: ({ processes }) => [...processes],
    }),
    missingRoles: t.stringList({
      description: 'Roles (api, worker, audit) that no process has announced within the last 30 seconds.',
      resolve: ({ missingRoles }) => [...missingRoles],
    }),
    overdueSchedules: t.field({
      type: OverdueSchedules,
      description: 'Schedules that should have been applied by now.',
      resolve: ({ overdueSchedules }) => overdueSchedules,
    }),
    sinks: t.field({
      type: [Sink],
      description: 'The sinks that the log is shipped to, or was shipped to in the past.',
      extensions: { maxItems: 10 },
      resolve: ({ sinks }) => [...sinks],
    }),
    sequencer: t.field({
      type: Sequencer,
      nullable: true,
      description: 'What waits for a position in the log; null while a lock blocks the outbox.',
      resolve: ({ sequencer }) => sequencer,
    }),
    log: t.field({
      type: Log,
      description: 'The log: how long it is, and how far it is signed.',
      resolve: ({ log }) => log,
    }),
    losses: t.field({
      type: Losses,
      description: 'How many events were lost.',
      resolve: (_status, _args, { app }) => app.log.declaredLost(),
    }),
    warnings: t.stringList({
      description: 'Everything that needs attention, one sentence each; empty if all is well.',
      resolve: ({ warnings }) => [...warnings],
    }),
  }),
});

builder.queryField('serviceStatus', (t) =>
  t.field({
    type: Status,
    description: 'The health of the service: processes, overdue schedules and their causes, sinks, losses.',
    ...requires('AUDITOR'),
    resolve: (_root, _args, { app }) => app.readServiceStatus(),
  }),
);
