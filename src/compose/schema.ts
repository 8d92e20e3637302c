// Importing the types of a wing registers them with the builder.
import '../graphql/types/viewer.ts';
import '../audit/graphql/audit-event-list.ts';
import '../audit/graphql/erase-person.ts';
import '../transparency/graphql/proofs.ts';
import '../api-keys/graphql/api-key.ts';
import '../environments/graphql/environment-operations.ts';
import '../flags/graphql/flag-operations.ts';
import '../flags/graphql/flag-rule-operations.ts';
import '../flags/graphql/flag-override-operations.ts';
import '../flags/graphql/experiment-operations.ts';
import '../flags/graphql/flag-state-operations.ts';
import '../schedules/graphql/schedule-error-types.ts';
import '../schedules/graphql/schedule-operations.ts';
import '../schedules/graphql/schedule-changes.ts';
import '../schedules/graphql/schedule-warning.ts';
import '../schedules/graphql/open-schedules.ts';
import '../schedules/graphql/counts.ts';
import '../flagd/graphql/flag-export.ts';
import '../applications/graphql/record-events.ts';
import '../service/graphql/service-status.ts';
import '../catalogue/graphql/event-type-enum.ts';
import '../graphql/types/error-types.ts';
import { meterApiKeys } from '../api-keys/graphql/app.ts';
import { meterLog } from '../audit/graphql/app.ts';
import { makeEnvironmentLoaders } from '../environments/graphql/app.ts';
import { makeFlagLoaders, meterFlags } from '../flags/graphql/app.ts';
import type { GraphQLApp, Loaders } from '../graphql/app.ts';
import { builder } from '../graphql/builder.ts';
import type { OperationBudget } from '../graphql/operation-budget.ts';
import { makeScheduleLoaders, meterSchedules } from '../schedules/graphql/app.ts';
import { meterProofs } from '../transparency/graphql/app.ts';

export const schema = builder.toSchema();

/** The DataLoaders of one operation. */
export const makeLoaders = (app: GraphQLApp): Loaders => ({
  ...makeEnvironmentLoaders(app),
  ...makeFlagLoaders(app),
  ...makeScheduleLoaders(app),
});

/** The application with its list reads charged to one operation's budget. */
export const meterReads = (app: GraphQLApp, budget: OperationBudget): GraphQLApp => ({
  ...app,
  log: meterLog(app.log, budget),
  proofs: meterProofs(app.proofs, budget),
  apiKeys: meterApiKeys(app.apiKeys, budget),
  flags: meterFlags(app.flags, budget),
  schedules: meterSchedules(app.schedules, budget),
});
