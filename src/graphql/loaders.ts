import DataLoader from 'dataloader';

/**
 * Merges what many resolvers ask for at the same moment into one read. It does not remember: a subscription's context lives
 * long.
 */
export const makeLoader = <Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
  { maxBatchSize }: { maxBatchSize?: number } = {},
): DataLoader<Key, Value> => new DataLoader(load, { cache: false, ...(maxBatchSize && { maxBatchSize }) });

/** Loaders do not remember, so they are asked for one thing many times. */
export const distinct = <Item>(items: readonly Item[]): Item[] => [...new Set(items)];
