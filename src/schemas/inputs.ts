import { z } from 'zod';
import { createApiKeySchema, revokeApiKeySchema } from '../api-keys/model/api-key.ts';
import { auditEventInputSchema, maxRecordedEvents } from '../applications/model/event-input.ts';
import { erasePersonSchema } from '../audit/model/person-erased.ts';
import { createEnvironmentSchema, environmentKeySchema, updateEnvironmentSchema } from '../environments/model/environment.ts';
import { updateFlagStateSchema } from '../flags/model/apply-updates.ts';
import { addFlagOverrideSchema, removeFlagOverrideSchema } from '../flags/model/change-overrides.ts';
import { removeFlagRuleSchema, setFlagRuleSchema } from '../flags/model/change-rules.ts';
import { experimentSchema } from '../flags/model/experiment.ts';
import { createFlagSchema, deleteFlagSchema } from '../flags/model/flag.ts';
import { flagOverrideSchema, overrideTargetSchema } from '../flags/model/flag-override.ts';
import { flagUpdatesSchema } from '../flags/model/flag-updates.ts';
import { emergencyOverrideSchema, liftEmergencyOverrideSchema } from '../flags/model/hold-state.ts';
import { startExperimentSchema, stopExperimentSchema } from '../flags/model/run-experiment.ts';
import { setFlagStatusSchema } from '../flags/model/set-flag-status.ts';
import { updateFlagSchema } from '../flags/model/update-flag.ts';
import { variantsSchema } from '../flags/model/variant.ts';
import { scheduleTargetSchema, updateScheduleSchema } from '../schedules/model/edit-schedule.ts';
import { cancelScheduleSchema, createScheduleSchema } from '../schedules/model/schedule.ts';
import { cancelSchedulesSchema } from '../schedules/model/schedule-filter.ts';
import { flagRuleSchema } from '../targeting/model/flag-rule.ts';

// The inputs of the API's mutations, under their GraphQL names. The API accepts what these schemas accept, except where it also
// depends on the flag, the environment or the time. The types are those of a form's values; parsing turns instants into Dates.

export const variantInput = variantsSchema.element;
export type VariantInput = z.input<typeof variantInput>;
export const createFlagInput = createFlagSchema;
export type CreateFlagInput = z.input<typeof createFlagInput>;
export const updateFlagInput = updateFlagSchema;
export type UpdateFlagInput = z.input<typeof updateFlagInput>;
export const setFlagStatusInput = setFlagStatusSchema;
export type SetFlagStatusInput = z.input<typeof setFlagStatusInput>;
export const deleteFlagInput = deleteFlagSchema;
export type DeleteFlagInput = z.input<typeof deleteFlagInput>;

export const flagRuleInput = flagRuleSchema;
export type FlagRuleInput = z.input<typeof flagRuleInput>;
export const flagUpdatesInput = flagUpdatesSchema;
export type FlagUpdatesInput = z.input<typeof flagUpdatesInput>;
export const updateFlagStateInput = updateFlagStateSchema;
export type UpdateFlagStateInput = z.input<typeof updateFlagStateInput>;
export const emergencyOverrideInput = emergencyOverrideSchema;
export type EmergencyOverrideInput = z.input<typeof emergencyOverrideInput>;
export const liftEmergencyOverrideInput = liftEmergencyOverrideSchema;
export type LiftEmergencyOverrideInput = z.input<typeof liftEmergencyOverrideInput>;

export const addFlagRuleInput = setFlagRuleSchema;
export type AddFlagRuleInput = z.input<typeof addFlagRuleInput>;
export const updateFlagRuleInput = setFlagRuleSchema;
export type UpdateFlagRuleInput = z.input<typeof updateFlagRuleInput>;
export const removeFlagRuleInput = removeFlagRuleSchema;
export type RemoveFlagRuleInput = z.input<typeof removeFlagRuleInput>;
export const flagOverrideInput = flagOverrideSchema;
export type FlagOverrideInput = z.input<typeof flagOverrideInput>;
export const overrideTargetInput = overrideTargetSchema;
export type OverrideTargetInput = z.input<typeof overrideTargetInput>;
export const addFlagOverrideInput = addFlagOverrideSchema;
export type AddFlagOverrideInput = z.input<typeof addFlagOverrideInput>;
export const removeFlagOverrideInput = removeFlagOverrideSchema;
export type RemoveFlagOverrideInput = z.input<typeof removeFlagOverrideInput>;
export const experimentInput = experimentSchema;
export type ExperimentInput = z.input<typeof experimentInput>;
export const experimentVariantInput = experimentSchema.shape.variants.element;
export type ExperimentVariantInput = z.input<typeof experimentVariantInput>;
export const startExperimentInput = startExperimentSchema;
export type StartExperimentInput = z.input<typeof startExperimentInput>;
export const stopExperimentInput = stopExperimentSchema;
export type StopExperimentInput = z.input<typeof stopExperimentInput>;

export const createScheduleInput = createScheduleSchema;
export type CreateScheduleInput = z.input<typeof createScheduleInput>;
export const cancelScheduleInput = cancelScheduleSchema;
export type CancelScheduleInput = z.input<typeof cancelScheduleInput>;
export const cancelSchedulesInput = cancelSchedulesSchema;
export type CancelSchedulesInput = z.input<typeof cancelSchedulesInput>;
export const updateScheduleInput = updateScheduleSchema;
export type UpdateScheduleInput = z.input<typeof updateScheduleInput>;
export const retryScheduleInput = scheduleTargetSchema;
export type RetryScheduleInput = z.input<typeof retryScheduleInput>;
export const applyScheduleInput = scheduleTargetSchema;
export type ApplyScheduleInput = z.input<typeof applyScheduleInput>;

export const createEnvironmentInput = createEnvironmentSchema;
export type CreateEnvironmentInput = z.input<typeof createEnvironmentInput>;
export const updateEnvironmentInput = updateEnvironmentSchema;
export type UpdateEnvironmentInput = z.input<typeof updateEnvironmentInput>;
export const deleteEnvironmentInput = environmentKeySchema;
export type DeleteEnvironmentInput = z.input<typeof deleteEnvironmentInput>;
export const setEnvironmentEnabledInput = environmentKeySchema;
export type SetEnvironmentEnabledInput = z.input<typeof setEnvironmentEnabledInput>;
export const createApiKeyInput = createApiKeySchema;
export type CreateApiKeyInput = z.input<typeof createApiKeyInput>;
export const revokeApiKeyInput = revokeApiKeySchema;
export type RevokeApiKeyInput = z.input<typeof revokeApiKeyInput>;

export const erasePersonInput = erasePersonSchema;
export type ErasePersonInput = z.input<typeof erasePersonInput>;

export const auditEventInput = auditEventInputSchema;
export type AuditEventInput = z.input<typeof auditEventInput>;
export const recordAuditEventsInput = z.object({ events: z.array(auditEventInput).min(1).max(maxRecordedEvents) });
export type RecordAuditEventsInput = z.input<typeof recordAuditEventsInput>;
