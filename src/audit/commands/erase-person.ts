import type { Caller } from '../../access/model/actor.ts';
import type { InTransaction } from '../../kernel/in-transaction.ts';
import { type ErasePerson, type Erasure, PersonNotFoundError, personErased } from '../model/person-erased.ts';
import type { ErasureTransaction } from '../ports/erasures.ts';

type Deps = { inTransaction: InTransaction<ErasureTransaction> };

/**
 * Erases a person's data from the log. If all of it is erased already, answers with that erasure, and no event is recorded. Throws
 * a PersonNotFoundError.
 */
export const makeErasePerson =
  ({ inTransaction }: Deps) =>
  (admin: Caller, { actorId, reason }: ErasePerson): Promise<Erasure> =>
    inTransaction(async ({ erasures, audit }) => {
      const begun = await erasures.begin(actorId);
      if (!begun) throw new PersonNotFoundError(actorId);
      if (begun.isNew) audit.logEvent(personErased(admin, begun.erasure, reason));
      return begun.erasure;
    });
