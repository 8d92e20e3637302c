import type { Caller } from '../../access/model/actor.ts';
import type { FlagState } from '../model/flag-state.ts';
import { experimentStarted, experimentStopped } from '../model/flag-state-events.ts';
import { type StartExperiment, type StopExperiment, startExperiment, stopExperiment } from '../model/run-experiment.ts';
import { makeChangeFlagState, type StateDeps } from './change-flag-state.ts';

/**
 * Starts and stops experiments. Both functions throw what `makeChangeFlagState` throws, and ExperimentNotRunningError,
 * ExperimentAlreadyRunningError, ValidationError.
 */
export const makeRunExperiment = (deps: StateDeps) => {
  const changeFlagState = makeChangeFlagState(deps);
  return {
    startExperiment: (admin: Caller, input: StartExperiment): Promise<FlagState> =>
      changeFlagState(admin, input, {
        decide: ({ flag, state, now }) => startExperiment(flag, state, input, { now, startedBy: admin.userId }),
        event: (change) => experimentStarted(change, mustHave(change.next.experiment)),
      }),
    stopExperiment: (admin: Caller, input: StopExperiment): Promise<FlagState> =>
      changeFlagState(admin, input, {
        decide: ({ flag, state }) => stopExperiment(flag, state, input),
        sets: input.winningVariant == null ? [] : ['defaultVariant'],
        event: (change) =>
          experimentStopped(change, mustHave(change.previous.experiment), {
            outcome: input.outcome,
            winningVariant: input.winningVariant ?? null,
          }),
      }),
  };
};

const mustHave = <Part>(part: Part | null): Part => {
  if (part === null) throw new Error('an experiment was started or stopped that is not there');
  return part;
};
