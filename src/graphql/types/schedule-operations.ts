import { z } from 'zod';
import {
  EnvironmentDisabledError,
  EnvironmentNotFoundError,
  FlagArchivedError,
  FlagNotFoundError,
  IdempotencyConflictError,
  ScheduleNotCancellableError,
  ScheduleNotFoundError,
  ValidationError,
} from '../../domain/errors.ts';
import { cancelScheduleSchema, createScheduleSchema } from '../../domain/schedules/schedule.ts';
import { builder, requires } from '../builder.ts';
import { FlagUpdatesInput } from './flag-inputs.ts';
import { resolveSchedules, ScheduleConnection, ScheduleEdge, ScheduleFilterInput, ScheduleRef } from './schedule.ts';

builder.queryFields((t) => ({
  schedule: t.field({
    type: ScheduleRef,
    nullable: true,
    description: 'One schedule; null for an unknown id.',
    args: { id: t.arg.id({ required: true, validate: { schema: z.uuid('must be a UUID') }, description: "The schedule's id." }) },
    ...requires('AUDITOR'),
    resolve: (_root, { id }, { app }) => app.schedules.find(id),
  }),
  schedules: t.connection(
    {
      type: ScheduleRef,
      description: 'Scheduled changes, oldest due first.',
      args: { filter: t.arg({ type: ScheduleFilterInput, description: 'Only these schedules.' }) },
      ...requires('AUDITOR'),
      resolve: (_root, args, { app }) => resolveSchedules(app.schedules, args),
    },
    ScheduleConnection,
    ScheduleEdge,
  ),
}));

const CreateScheduleInput = builder.inputType('CreateScheduleInput', {
  description: 'A change of one flag in one environment, to be made at an instant. The admin is taken from the token.',
  fields: (t) => ({
    flagKey: t.string({ required: true, description: "The flag's key." }),
    environment: t.string({ required: true, defaultValue: 'production', description: "The environment's key." }),
    scheduledAt: t.field({
      type: 'DateTime',
      required: true,
      description: 'When it is due: in the future, at most five years ahead.',
    }),
    updates: t.field({ type: FlagUpdatesInput, required: true, description: 'What to change.' }),
    maxRetries: t.int({ description: 'How often it is tried again after a failure: 0–10, 3 when it is not given.' }),
    idempotencyKey: t.string({
      description:
        'Makes a repeated request safe: the same key with the same input returns the first schedule. 1–255 characters, per admin.',
    }),
  }),
});

const CancelScheduleInput = builder.inputType('CancelScheduleInput', {
  description: 'Which schedule to cancel. The admin is taken from the token.',
  fields: (t) => ({
    id: t.id({ required: true, description: "The schedule's id." }),
    reason: t.string({ description: 'Why: 1–1,000 characters.' }),
  }),
});

builder.mutationFields((t) => ({
  createSchedule: t.field({
    type: ScheduleRef,
    description:
      'Schedules a change. Ask for `conflicts` to see what else is pending for the flag within an hour of it, and for `warnings` to see what is in its way.',
    args: {
      input: t.arg({
        type: CreateScheduleInput,
        required: true,
        validate: { schema: createScheduleSchema },
        description: 'The change.',
      }),
    },
    errors: {
      types: [
        FlagNotFoundError,
        FlagArchivedError,
        EnvironmentNotFoundError,
        EnvironmentDisabledError,
        ValidationError,
        IdempotencyConflictError,
      ],
    },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.createSchedule(caller, input),
  }),
  cancelSchedule: t.field({
    type: ScheduleRef,
    description: 'Calls a schedule off: a PENDING one, or a FAILED one that still has a retry due.',
    args: {
      input: t.arg({
        type: CancelScheduleInput,
        required: true,
        validate: { schema: cancelScheduleSchema },
        description: 'Which one.',
      }),
    },
    errors: { types: [ScheduleNotFoundError, ScheduleNotCancellableError, ValidationError] },
    ...requires('ADMIN'),
    resolve: (_root, { input }, { app, caller }) => app.cancelSchedule(caller, input),
  }),
}));
