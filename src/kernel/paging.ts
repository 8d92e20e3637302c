/** A stretch of an ordered list: at most `limit` items after and before the given places, `inverted` from the other end. */
export type Slice<Cursor> = { after?: Cursor; before?: Cursor; limit: number; inverted: boolean };
