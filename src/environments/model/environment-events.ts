import type { Caller } from '../../access/model/actor.ts';
import { adminFields, attributedTo } from '../../audit/model/attribution.ts';
import { countOf, describeChanges, diffStates } from '../../audit/model/changes.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Environment } from './environment.ts';
import type { EnvironmentEventDraft } from './environment-event-types.ts';

const snapshot = ({ key, name, enabled }: Environment): JsonObject => ({ key, name, enabled });

const factsOf = (admin: Caller, previous: Environment | null, next: Environment | null) => {
  const [previousState, newState] = [previous && snapshot(previous), next && snapshot(next)];
  const environment = next ?? previous;
  if (!environment) throw new Error('an environment event needs an environment before or after the change');
  return {
    ...attributedTo(admin),
    resource: { type: 'environment', id: environment.key },
    environment: environment.key,
    previousState,
    newState,
    changes: diffStates(previousState, newState),
    metadata: { environment: environment.key, name: environment.name, ...adminFields(admin) },
  };
};

export const environmentCreated = (admin: Caller, environment: Environment): EnvironmentEventDraft<'environment.created'> => ({
  eventType: 'environment.created',
  ...factsOf(admin, null, environment),
  description: `Environment '${environment.key}' was created`,
});

export const environmentUpdated = (
  admin: Caller,
  previous: Environment,
  next: Environment,
): EnvironmentEventDraft<'environment.updated'> => {
  const facts = factsOf(admin, previous, next);
  return {
    eventType: 'environment.updated',
    ...facts,
    description: `Environment '${next.key}' was updated: ${describeChanges(facts.changes)}`,
  };
};

export const environmentDeleted = (admin: Caller, environment: Environment): EnvironmentEventDraft<'environment.deleted'> => ({
  eventType: 'environment.deleted',
  ...factsOf(admin, environment, null),
  description: `Environment '${environment.key}' was deleted`,
});

/** An environment was enabled or disabled. `openSchedules` is how many will fail until it is enabled again. */
export const environmentSwitched = (
  admin: Caller,
  environment: Environment,
  openSchedules: number,
): EnvironmentEventDraft<'environment.enabled' | 'environment.disabled'> => {
  const { metadata, ...facts } = factsOf(admin, { ...environment, enabled: !environment.enabled }, environment);
  const met = openSchedules > 0 ? `; ${countOf(openSchedules, 'open schedule')} will fail until it is enabled again` : '';
  return {
    eventType: environment.enabled ? 'environment.enabled' : 'environment.disabled',
    ...facts,
    description: `Environment '${environment.key}' was ${environment.enabled ? 'enabled' : 'disabled'}${met}`,
    metadata: { ...metadata, ...(openSchedules > 0 && { openSchedules }) },
  };
};
