import type { Caller } from '../../access/model/actor.ts';
import type { Clock, NewId } from '../../kernel/clock.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { type CreateFlag, type Flag, newFlag } from '../model/flag.ts';
import { FlagAlreadyExistsError } from '../model/flag-errors.ts';
import { flagCreated } from '../model/flag-events.ts';
import { newFlagState } from '../model/flag-state.ts';
import type { FlagTransaction } from './flag-store.ts';

type Deps = { inTransaction: InTransaction<FlagTransaction>; clock: Clock; newId: NewId };

/** Creates a flag, with a state in every environment. Throws FlagAlreadyExistsError, ValidationError. */
export const makeCreateFlag =
  ({ inTransaction, clock, newId }: Deps) =>
  (admin: Caller, input: CreateFlag): Promise<Flag> =>
    inTransaction(async ({ flags, environments, audit }) => {
      const now = clock.now();
      const flag = newFlag(input, { id: newId(now), createdBy: admin.userId, now });
      if (!(await flags.add(flag))) throw new FlagAlreadyExistsError(input.key);
      const states = (await environments.list()).map(({ key }) => newFlagState(flag, key, now));
      await flags.addStates(states);
      audit.logEvent(flagCreated(admin, flag, states));
      return flag;
    });
