/**
 * A page of a list that is restricted to several values of one column, from one page for each: an index on (column, order)
 * serves one value in the list's order; several it would have to sort, or the list be walked past what does not match.
 * `values` null or empty is one page without that restriction.
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
