const maxLength = 500;

/**
 * What went wrong, on one line and never empty: the first line of the message that has text, else that of the cause, else the
 * error's code or name. Further lines are left out, because those of an AWS error can contain what was signed.
 */
export const describeError = (error: unknown): string => {
  const text = textOf(error, 0) ?? nameOf(error);
  return text.slice(0, maxLength);
};

const textOf = (error: unknown, depth: number): string | null => {
  if (depth > 5) return null;
  if (!(error instanceof Error)) return firstLine(String(error));
  const own = firstLine(error.message);
  if (own !== null) return `${error.name}: ${own}`;
  const within = error instanceof AggregateError ? error.errors : [error.cause].filter((cause) => cause !== undefined);
  const reasons = new Set(within.map((reason) => textOf(reason, depth + 1)).filter((reason) => reason !== null));
  return reasons.size > 0 ? [...reasons].join('; ') : null;
};

const firstLine = (text: string): string | null =>
  text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '') ?? null;

const nameOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'an error without text';
  const code = 'code' in error && typeof error.code === 'string' && error.code !== '' ? ` (${error.code})` : '';
  return `${error.name}${code}, without a message`;
};
