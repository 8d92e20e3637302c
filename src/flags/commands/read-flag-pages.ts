import type { Flag } from '../model/flag.ts';
import type { FlagState } from '../model/flag-state.ts';
import type { FlagPlace, FlagStore } from './flag-store.ts';

const pageSize = 200;

/** Every flag with its state in one environment, by key, a page at a time. Each page is read when it is asked for. */
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
    // A flag that was deleted between the two reads has none.
    yield page.flatMap((flag) => (states.get(flag.id) ?? []).map((state) => ({ flag, state })));
    after = page.at(-1);
    if (page.length < pageSize || after === undefined) return;
  }
}
