import type { Flag } from '../model/flag.ts';
import type { FlagState } from '../model/flag-state.ts';
import type { FlagPlace, FlagStore } from './flag-store.ts';

const pageSize = 200;

/** Reads every flag with its state in one environment, ordered by key. Each page is read on demand. */
export async function* readFlagPages(
  flags: Pick<FlagStore, 'list' | 'statesOf'>,
  environment: string,
): AsyncGenerator<{ flag: Flag; state: FlagState }[], void, undefined> {
  let after: FlagPlace | undefined;
  while (true) {
    const page = await flags.list({}, { ...(after !== undefined && { after }), limit: pageSize, inverted: false });
    const states = await flags.statesOf(
      page.map(({ id }) => id),
      environment,
    );
    // A flag that was deleted between the two reads has no state.
    yield page.flatMap((flag) => (states.get(flag.id) ?? []).map((state) => ({ flag, state })));
    after = page.at(-1);
    if (page.length < pageSize || after === undefined) return;
  }
}
