/**
 * A page of a list that is restricted to several values of one column, merged from one page per value. An index on (column,
 * order) can serve one value in the list's order; for several values, the database would have to sort them, or walk past rows
 * that do not match. If `values` is null or empty, it is one page without that restriction.
 */
export const mergedList = async <Value, Row>(
  values: readonly Value[] | null | undefined,
  { page, compare, limit }: { page: (value: Value | null) => Promise<Row[]>; compare: (a: Row, b: Row) => number; limit: number },
): Promise<Row[]> => {
  const distinct = [...new Set(values)];
  if (distinct.length <= 1) return values && distinct.length === 0 ? [] : page(distinct[0] ?? null);
  const pages = await Promise.all(distinct.map(page));
  return pages.flat().sort(compare).slice(0, limit);
};
