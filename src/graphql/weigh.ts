import { bytesOf } from '../kernel/json-size.ts';
import type { Weight } from './operation-budget.ts';

/** What a row holds beside its JSON. */
const rowBytes = 500;
/** What an id takes. */
const idBytes = 50;

/** Rows, of which some fields hold JSON. */
export const weighRows = <Row>(rows: readonly Row[], jsonOf: (row: Row) => unknown = () => undefined): Weight => {
  let bytes = rows.length * rowBytes;
  for (const row of rows) bytes += bytesOf(jsonOf(row));
  return { rows: rows.length, bytes };
};

export const weighIds = (lists: readonly string[][]): Weight => {
  const rows = lists.flat().length;
  return { rows, bytes: rows * idBytes };
};

export const weighMap = ({ size }: ReadonlyMap<unknown, unknown>): Weight => ({ rows: size, bytes: size * rowBytes });
