import { builder } from './builder.ts';
import './types/error-types.ts';
import '../access/graphql/viewer.ts';
import '../environments/graphql/environment-operations.ts';
import '../flags/graphql/flag-operations.ts';
import '../flagd/graphql/flag-export.ts';
import '../flags/graphql/flag-part-operations.ts';
import '../flags/graphql/flag-state-operations.ts';
import '../schedules/graphql/schedule-error-types.ts';
import '../schedules/graphql/schedule-operations.ts';
import '../schedules/graphql/schedule-changes.ts';
import '../schedules/graphql/schedule-warning.ts';
import '../schedules/graphql/open-schedules.ts';
import '../schedules/graphql/counts.ts';
import '../audit/graphql/audit-event-list.ts';
import '../api-keys/graphql/api-key.ts';
import '../applications/graphql/record-events.ts';
import '../service/graphql/service-status.ts';

/** The whole schema. Importing the types registers them with the builder. */
export const schema = builder.toSchema();
