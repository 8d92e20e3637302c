/** One measured quantity: a value for each round, and its reference's value in the same round. */
export type Figure = {
  label: string;
  unit: string;
  values: number[];
  reference?: { label: string; values: number[] };
};

/** The smallest value that is not exceeded by the given share of the values (nearest rank). */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
};

const median = (values: readonly number[]): number => percentile(values, 0.5);

/** A table with the median, least and most over the rounds, and the median of each round's ratio to its reference. */
export const describeFigures = (figures: readonly Figure[]): string => {
  const rows = figures.map(({ label, unit, values, reference }) => [
    label,
    `${show(median(values))} ${unit}`,
    `${show(Math.min(...values))}–${show(Math.max(...values))}`,
    reference ? `${show(median(reference.values))} ${unit}, ${reference.label}` : '',
    reference ? median(values.map((value, round) => value / (reference.values[round] ?? Number.NaN))).toFixed(2) : '',
  ]);
  const table = [['figure', 'median', 'range', 'reference', 'ratio'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

const show = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-GB') : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
