import { builder } from '../../graphql/builder.ts';
import { findScheduleWarnings, type ScheduleWarning } from '../model/schedule-warnings.ts';
import { ScheduleRef } from './schedule.ts';
import { ScheduleWarningCode } from './schedule-enums.ts';

const ScheduleWarningType = builder.objectRef<ScheduleWarning>('ScheduleWarning').implement({
  description: 'What an admin should know of a schedule before it becomes due.',
  fields: (t) => ({
    code: t.field({ type: ScheduleWarningCode, description: 'Which kind of warning.', resolve: ({ code }) => code }),
    message: t.exposeString('message', { description: 'For people: what is in the way, since when, and what it does.' }),
  }),
});

builder.objectField(ScheduleRef, 'warnings', (t) =>
  t.field({
    type: [ScheduleWarningType],
    description:
      'What will make the schedule fail as things are now, or what it will interfere with: an emergency override, a disabled environment, a running experiment, a flag on its way out. Empty once it is not open any more.',
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
