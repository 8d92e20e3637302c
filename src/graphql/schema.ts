import { builder } from './builder.ts';
import './types/error-types.ts';
import './types/viewer.ts';
import './types/environment-operations.ts';
import './types/flag-operations.ts';
import './types/flag-export.ts';
import './types/flag-part-operations.ts';
import './types/flag-state-operations.ts';
import './types/schedule-error-types.ts';
import './types/schedule-operations.ts';
import './types/schedule-changes.ts';
import './types/schedule-warning.ts';
import './types/open-schedules.ts';
import './types/counts.ts';
import './types/audit-event-list.ts';
import './types/api-key.ts';
import './types/record-events.ts';
import './types/service-status.ts';

/** The whole schema. Importing the types registers them with the builder. */
export const schema = builder.toSchema();
