import { z } from 'zod';

/** Far more than anybody picks from a list; the database takes no statement with any number of values. */
const maxValues = 1000;

/** Values of which a filter wants any; `what` is what they are called: types, statuses … */
export const filterList = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item).max(maxValues, `must hold at most ${maxValues} ${what}`);
