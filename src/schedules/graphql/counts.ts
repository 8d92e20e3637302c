import type { FlagCounts } from '../../flags/commands/flag-store.ts';
import { builder, requires } from '../../graphql/builder.ts';
import type { ScheduleCounts } from '../commands/schedule-store.ts';
import { scheduleFilterSchema } from '../model/schedule-filter.ts';
import { ScheduleFilterInput } from './schedule-list.ts';

// Numbers for a dashboard. Each query is one statement, however many of its numbers are selected.

const ScheduleCountsType = builder.objectRef<ScheduleCounts>('ScheduleCounts').implement({
  description: "How many schedules there are of each kind. The database's clock decides what is due.",
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'All of them.' }),
    pending: t.exposeInt('pending', { description: 'With the status PENDING.' }),
    applied: t.exposeInt('applied', { description: 'With the status APPLIED.' }),
    failed: t.exposeInt('failed', {
      description: 'With the status FAILED, with or without a retry to come.',
    }),
    cancelled: t.exposeInt('cancelled', { description: 'With the status CANCELLED.' }),
    open: t.exposeInt('open', { description: 'Open: PENDING, or FAILED with a retry to come.' }),
    willRetry: t.exposeInt('willRetry', { description: 'FAILED, with a retry to come.' }),
    gaveUp: t.exposeInt('gaveUp', { description: 'FAILED, without a retry to come.' }),
    overdue: t.exposeInt('overdue', { description: 'Open, and due for a minute or longer: no worker has applied them.' }),
    dueWithinHour: t.exposeInt('dueWithinHour', {
      description: 'Open, and due within the next hour. A retry counts by its own instant.',
    }),
    dueWithinDay: t.exposeInt('dueWithinDay', {
      description: 'Open, and due within the next 24 hours. A retry counts by its own instant.',
    }),
  }),
});

const FlagCountsType = builder.objectRef<FlagCounts>('FlagCounts').implement({
  description: 'How many flags there are of each kind, in one environment.',
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'All flags.' }),
    active: t.exposeInt('active', { description: 'With the status ACTIVE.' }),
    deprecated: t.exposeInt('deprecated', { description: 'With the status DEPRECATED.' }),
    archived: t.exposeInt('archived', { description: 'With the status ARCHIVED.' }),
    enabled: t.exposeInt('enabled', {
      description:
        'Enabled in the environment, including archived flags: those that the filter `state: { enabled: true }` finds.',
    }),
    disabled: t.exposeInt('disabled', { description: 'Disabled in the environment.' }),
    withEmergency: t.exposeInt('withEmergency', { description: 'Held by an emergency override in the environment.' }),
    withExperiment: t.exposeInt('withExperiment', { description: 'With a running experiment in the environment.' }),
    withOpenSchedules: t.exposeInt('withOpenSchedules', { description: 'With open schedules in the environment.' }),
  }),
});

builder.queryFields((t) => ({
  scheduleCounts: t.field({
    type: ScheduleCountsType,
    description: 'How many schedules there are of each kind. For a dashboard, this is cheaper than many `totalCount`s.',
    args: {
      filter: t.arg({
        type: ScheduleFilterInput,
        validate: { schema: scheduleFilterSchema },
        description: 'Only these schedules.',
      }),
    },
    // It reads as many rows as a `totalCount`, and examines each of them.
    extensions: { ...requires('AUDITOR').extensions, cost: 20_000 },
    resolve: (_root, { filter }, { app }) => app.countSchedules(filter ?? {}),
  }),
  flagCounts: t.field({
    type: FlagCountsType,
    nullable: true,
    description: 'How many flags there are of each kind; null if no such environment exists.',
    args: {
      environment: t.arg.string({ required: true, defaultValue: 'production', description: "The environment's key." }),
    },
    // It costs less, because there are fewer flags than schedules.
    extensions: { ...requires('AUDITOR').extensions, cost: 10_000 },
    resolve: (_root, { environment }, { app }) => app.flags.counts(environment),
  }),
}));
