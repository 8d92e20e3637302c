import type { FlagCounts } from '../../flags/commands/flag-store.ts';
import { builder, requires } from '../../graphql/builder.ts';
import type { ScheduleCounts } from '../commands/schedule-store.ts';
import { scheduleFilterSchema } from '../model/schedule-filter.ts';
import { ScheduleFilterInput } from './schedule-list.ts';

// What a dashboard shows as numbers: each of these is one statement, however many of its numbers are asked for.

const ScheduleCountsType = builder.objectRef<ScheduleCounts>('ScheduleCounts').implement({
  description: "How many schedules are what. What is due is judged by the database's clock.",
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'All of them.' }),
    pending: t.exposeInt('pending', { description: 'With the status PENDING.' }),
    applied: t.exposeInt('applied', { description: 'With the status APPLIED.' }),
    failed: t.exposeInt('failed', {
      description: 'With the status FAILED: those that will be tried again, and those that gave up.',
    }),
    cancelled: t.exposeInt('cancelled', { description: 'With the status CANCELLED.' }),
    open: t.exposeInt('open', { description: 'That can still become due: PENDING, or FAILED with a retry due.' }),
    willRetry: t.exposeInt('willRetry', { description: 'FAILED, and tried again by itself.' }),
    gaveUp: t.exposeInt('gaveUp', { description: 'FAILED for good.' }),
    overdue: t.exposeInt('overdue', { description: 'Open, and due for a minute or longer: nobody applies them.' }),
    dueWithinHour: t.exposeInt('dueWithinHour', {
      description: 'Open, and due within the next hour; retries count when they are due.',
    }),
    dueWithinDay: t.exposeInt('dueWithinDay', {
      description: 'Open, and due within the next 24 hours; retries count when they are due.',
    }),
  }),
});

const FlagCountsType = builder.objectRef<FlagCounts>('FlagCounts').implement({
  description: 'How many flags are what, in one environment.',
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'All flags.' }),
    active: t.exposeInt('active', { description: 'With the status ACTIVE.' }),
    deprecated: t.exposeInt('deprecated', { description: 'With the status DEPRECATED.' }),
    archived: t.exposeInt('archived', { description: 'With the status ARCHIVED.' }),
    enabled: t.exposeInt('enabled', {
      description: 'Enabled there, archived ones included: those that `state: { enabled: true }` finds.',
    }),
    disabled: t.exposeInt('disabled', { description: 'Not enabled there.' }),
    withEmergency: t.exposeInt('withEmergency', { description: 'Held there by an emergency override.' }),
    withExperiment: t.exposeInt('withExperiment', { description: 'With a running experiment there.' }),
    withOpenSchedules: t.exposeInt('withOpenSchedules', { description: 'With schedules there that can still become due.' }),
  }),
});

builder.queryFields((t) => ({
  scheduleCounts: t.field({
    type: ScheduleCountsType,
    description:
      'How many schedules there are of each kind, in one request: what a dashboard shows instead of many `totalCount`s.',
    args: {
      filter: t.arg({
        type: ScheduleFilterInput,
        validate: { schema: scheduleFilterSchema },
        description: 'Only these schedules.',
      }),
    },
    // It reads as many rows as a `totalCount`, and looks at each of them.
    extensions: { ...requires('AUDITOR').extensions, cost: 20_000 },
    resolve: (_root, { filter }, { app }) => app.countSchedules(filter ?? {}),
  }),
  flagCounts: t.field({
    type: FlagCountsType,
    nullable: true,
    description: 'How many flags there are of each kind, in one request; null for an unknown environment.',
    args: {
      environment: t.arg.string({ required: true, defaultValue: 'production', description: "The environment's key." }),
    },
    // Flags are fewer than what is scheduled for them.
    extensions: { ...requires('AUDITOR').extensions, cost: 10_000 },
    resolve: (_root, { environment }, { app }) => app.flags.counts(environment),
  }),
}));
