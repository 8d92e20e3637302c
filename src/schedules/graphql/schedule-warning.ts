import { builder } from '../../graphql/builder.ts';
import { findScheduleWarnings, type ScheduleWarning } from '../model/schedule-warnings.ts';
import { ScheduleRef } from './schedule.ts';
import { ScheduleWarningCode } from './schedule-enums.ts';

const ScheduleWarningType = builder.objectRef<ScheduleWarning>('ScheduleWarning').implement({
  description: 'What an admin should know about a schedule before it becomes due.',
  fields: (t) => ({
    code: t.field({ type: ScheduleWarningCode, description: 'The kind of warning.', resolve: ({ code }) => code }),
    message: t.exposeString('message', { description: 'What stands in its way, since when, and what will happen, for people.' }),
  }),
});

builder.objectField(ScheduleRef, 'warnings', (t) =>
  t.field({
    type: [ScheduleWarningType],
    description:
      'What will make the schedule fail as things are now, or what it will disturb: an emergency override, a disabled environment, an archived or deprecated flag, a running experiment. Empty once the schedule is no longer open.',
    extensions: { maxItems: 5 },
    resolve: async (schedule, _args, { loaders }) => {
      if (!schedule.flagId) return [];
      const [flag, states, environment] = await Promise.all([
        loaders.flagsById.load(schedule.flagId),
        loaders.statesOf.load(schedule.flagId),
        loaders.environmentsByKey.load(schedule.environment),
      ]);
      return flag ? findScheduleWarnings(schedule, { flag, states, environment }) : [];
    },
  }),
);
