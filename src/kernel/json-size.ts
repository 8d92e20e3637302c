/**
 * How many bytes of UTF-8 the value takes as JSON; an absent value takes none. Stops counting soon after `most`. Uses no
 * recursion, because the input can be nested as deep as a request is long, and can refer to the same value many times.
 */
export const bytesOf = (json: unknown, most = Number.POSITIVE_INFINITY): number => {
  const open = [json];
  let bytes = 0;
  while (open.length > 0 && bytes <= most) {
    const value = open.pop();
    if (value === undefined) continue;
    if (typeof value === 'string') bytes += bytesOfText(value);
    else if (typeof value !== 'object' || value === null) bytes += String(value).length;
    else {
      const items = Object.values(value);
      bytes += 1 + Math.max(1, items.length);
      if (!Array.isArray(value)) for (const key of Object.keys(value)) bytes += bytesOfText(key) + 1;
      for (const item of items) open.push(item);
    }
  }
  return bytes;
};

const encoder = new TextEncoder();
/** Text whose characters JSON writes unchanged, in one byte each. */
const plain = /^[ !#-[\]-~]*$/;
const bytesOfText = (text: string): number => (plain.test(text) ? text.length + 2 : encoder.encode(JSON.stringify(text)).length);
