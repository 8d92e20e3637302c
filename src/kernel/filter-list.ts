import { z } from 'zod';

/** Far more than anybody picks from a list. Without a limit, a statement could have more parameters than the database accepts. */
const maxValues = 1000;

/** A list of values of which a filter accepts any. `what` names them in messages: types, statuses … */
export const filterList = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item).max(maxValues, `must hold at most ${maxValues} ${what}`);
