/** The value is too large, and was not read to its end. */
export class TooLargeError extends Error {
  constructor(maxBytes: number) {
    super(`it is larger than ${maxBytes} bytes as JSON, or has more than ${maxValues} values`);
  }
}

/** More than any event that the API accepts: details take at most 64 KiB, which is at most 32,768 elements. */
const maxValues = 40_000;

// Code that reads the event later may be recursive, and an event that makes it fail would hold up all others.
const maxDepth = 200;

/** Larger numbers take long to write, and no application needs them. */
const maxBigint = 2n ** 4096n;

/**
 * Copies a value as `JSON.stringify` would read it, so that writing the copy calls no code of the application, and takes no
 * longer than `maxBytes` allow. Binary data is replaced by its length, and a bigint becomes text. NUL and lone surrogates, which
 * the API refuses, become U+FFFD. Throws a TooLargeError as soon as the value is too large, and other errors if it has no JSON
 * form.
 *
 * Not bounded are the application's own `toJSON` and getters, and listing an object's keys, which JavaScript can only do at once
 * (a third of a second for a million keys).
 */
export const toPlainJson = (root: unknown, maxBytes: number): unknown => {
  let leftBytes = maxBytes;
  let leftValues = maxValues;
  const ancestors: object[] = [];

  const spend = (bytes: number): void => {
    leftBytes -= bytes;
    if (leftBytes < 0) throw new TooLargeError(maxBytes);
  };
  const checkRoomFor = (values: number): void => {
    if (values > leftValues) throw new TooLargeError(maxBytes);
  };

  const toText = (text: string): string => {
    spend(text.length + 2);
    let isStorable = true;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit < 0x7f && unit >= 0x20 && unit !== 0x22 && unit !== 0x5c) continue;
      if (unit >= 0xd800 && unit <= 0xdfff) {
        const isPair = unit < 0xdc00 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
        if (isPair) index++;
        else isStorable = false;
      } else if (unit === 0) isStorable = false;
      spend(bytesBeyondOne(unit));
    }
    return isStorable ? text : text.split('\0').join('\uFFFD').toWellFormed();
  };

  const toValue = (given: unknown, key: string | number): unknown => {
    checkRoomFor(1);
    leftValues--;
    const value = isBinary(given) ? `[${given.byteLength} bytes]` : unwrap(given, key);
    switch (typeof value) {
      case 'string':
        return toText(value);
      case 'number':
      case 'boolean':
        spend(1);
        return value;
      case 'bigint':
        if (value > maxBigint || value < -maxBigint) throw new TooLargeError(maxBytes);
        return toText(String(value));
      case 'object':
        if (value === null) spend(4);
        else return isBinary(value) ? toText(`[${value.byteLength} bytes]`) : toCopy(value);
        return null;
      default:
        return undefined;
    }
  };

  const toCopy = (value: object): unknown => {
    if (ancestors.includes(value)) throw new TypeError('it is circular');
    if (ancestors.push(value) > maxDepth) throw new RangeError(`it is nested more than ${maxDepth} deep`);
    spend(1);
    const copy = Array.isArray(value) ? copyElements(value) : copyFields(value as Record<string, unknown>);
    ancestors.pop();
    return copy;
  };
  const copyElements = (value: unknown[]): unknown[] => {
    checkRoomFor(value.length);
    const copy: unknown[] = [];
    for (let index = 0; index < value.length; index++) {
      spend(1);
      copy.push(toValue(value[index], index) ?? null);
    }
    return copy;
  };
  const copyFields = (value: Record<string, unknown>): Record<string, unknown> => {
    const keys = Object.keys(value);
    checkRoomFor(keys.length);
    const copy: Record<string, unknown> = {};
    for (const key of keys) {
      const field = toValue(value[key], key);
      if (field === undefined) continue;
      spend(2);
      const name = toText(key);
      // An assignment would set the copy's prototype.
      if (name === '__proto__') Object.defineProperty(copy, name, { value: field, enumerable: true });
      else copy[name] = field;
    }
    return copy;
  };

  return toValue(root, '');
};

const isBinary = (value: unknown): value is ArrayBuffer | ArrayBufferView =>
  ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/** The result of the value's `toJSON`, and the value inside `new String` and the like. */
const unwrap = (value: unknown, key: string | number): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  const { toJSON } = value as { toJSON?: unknown };
  const said: unknown = typeof toJSON === 'function' ? toJSON.call(value, String(key)) : value;
  return said instanceof String || said instanceof Number || said instanceof Boolean ? said.valueOf() : said;
};

/** The bytes that a UTF-16 unit takes as JSON, minus one; for a pair of surrogates, those of both, minus two. */
const bytesBeyondOne = (unit: number): number => {
  if (unit >= 0x800 || unit === 0) return 2;
  if (unit >= 0x80) return 1;
  if (unit >= 0x20) return unit === 0x22 || unit === 0x5c ? 1 : 0;
  return (unit >= 8 && unit <= 10) || unit === 12 || unit === 13 ? 1 : 5;
};
