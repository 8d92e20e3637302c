import DataLoader from 'dataloader';

/**
 * A DataLoader, which merges the reads of many resolvers at the same moment into one. It does not cache, because the context of
 * a subscription lives long and would show old values.
 */
export const makeLoader = <Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
  { maxBatchSize }: { maxBatchSize?: number } = {},
): DataLoader<Key, Value> => new DataLoader(load, { cache: false, ...(maxBatchSize && { maxBatchSize }) });

/** The items without duplicates. Loaders do not cache, so one batch can name the same key many times. */
export const distinct = <Item>(items: readonly Item[]): Item[] => [...new Set(items)];
