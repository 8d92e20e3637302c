import { bytesOf } from '../kernel/json-size.ts';
import type { Weight } from './operation-budget.ts';

/** Roughly how many bytes a row takes besides its JSON. */
const rowBytes = 500;
/** Roughly how many bytes an id takes. */
const idBytes = 50;

/** The size of rows; `jsonOf` picks the fields that hold JSON. */
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
