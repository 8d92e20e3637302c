import { parseCursorConnectionArgs } from '@pothos/core';
import type { Slice } from '../kernel/paging.ts';
import { isStorableText } from '../kernel/text.ts';
import { badUserInput } from './errors.ts';

export type ConnectionArgs = { first?: number | null; after?: string | null; last?: number | null; before?: string | null };

/** How many items a page may have. */
export const pageSize = { min: 1, max: 200, default: 50 } as const;

type Options<Item, Cursor> = {
  args: ConnectionArgs;
  /** Makes an item's cursor, and reads it back. `parse` throws if the text is not a cursor of this list. */
  cursorOf: (item: Item) => string;
  parse: (cursor: string) => Cursor;
  list: (slice: Slice<Cursor>) => Promise<Item[]>;
  count: () => Promise<number>;
  /** Shows the list in reverse order. */
  newestFirst?: boolean;
};

/** A page of a list as a Relay connection. `totalCount` is counted only if it is selected. Throws BAD_USER_INPUT. */
export const resolvePage = async <Item, Cursor>({
  args,
  cursorOf,
  parse,
  list,
  count,
  newestFirst = false,
}: Options<Item, Cursor>) => {
  checkSizes(args);
  const page = parseCursorConnectionArgs({ args, defaultSize: pageSize.default, maxSize: pageSize.max });
  const [from, to] = newestFirst ? [page.before, page.after] : [page.after, page.before];
  const items = await list({
    ...(from != null && { after: parse(from) }),
    ...(to != null && { before: parse(to) }),
    limit: page.limit,
    inverted: page.inverted !== newestFirst,
  });
  const shown = items.slice(0, page.expectedSize);
  if (page.inverted) shown.reverse();
  const edges = shown.map((node) => ({ cursor: cursorOf(node), node }));
  const pageInfo = {
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
    hasPreviousPage: page.hasPreviousPage(items.length),
    hasNextPage: page.hasNextPage(items.length),
  };
  return { edges, pageInfo, totalCount: count };
};

const checkSizes = ({ first, last }: ConnectionArgs): void => {
  if (first != null && last != null) throw badUserInput('first and last cannot be used together: give one of them');
  for (const [name, size] of Object.entries({ first, last })) {
    if (size != null && (size < pageSize.min || size > pageSize.max)) {
      throw badUserInput(`${name} is ${size}: it must be from ${pageSize.min} to ${pageSize.max}`);
    }
  }
};

/** Makes a cursor: opaque text with a kind, which tells the cursors of different lists apart, and a place in the list. */
export const encodeCursor = (kind: string, place: string): string => Buffer.from(`${kind}:${place}`).toString('base64url');

export const decodeCursor = (kind: string, cursor: string): string => {
  const text = Buffer.from(cursor, 'base64url').toString();
  const place = text.slice(kind.length + 1);
  // Encoding it again must give the same text, because Node's decoder skips characters that are not base64url.
  if (!text.startsWith(`${kind}:`) || encodeCursor(kind, place) !== cursor || !isStorableText(place)) throw notACursor(cursor);
  return place;
};

export const notACursor = (cursor: string) => badUserInput(`'${cursor.slice(0, 100)}' is not a cursor of this list`);
