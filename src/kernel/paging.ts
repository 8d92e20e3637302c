/** A part of an ordered list: at most `limit` items after and before the cursors, taken from the end if `inverted`. */
export type Slice<Cursor> = { after?: Cursor; before?: Cursor; limit: number; inverted: boolean };
