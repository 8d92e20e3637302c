import type { Json } from '../../../kernel/json.ts';
import type { toWire } from '../../model/audit-event.ts';

/** An event on the wire. The two instants are set if it is resent with another timestamp than its own. */
export type WireEvent = ReturnType<typeof toWire> & { originalTimestamp?: string; resentAt?: string };

/** The fields of an event's message, and what was left out or shortened. */
type Form = { fields: object; omitted: string[]; maxTextLength?: number };

const utf8Bytes = (text: string): number => Buffer.byteLength(text, 'utf8');

/**
 * The event as JSON in at most `maxBytes` of UTF-8, which must be at least 256 KiB. An event that is too long is cut until it
 * fits: first the states and the changes go, then long texts are shortened, then the metadata goes. The message stays valid JSON,
 * keeps its id and position, and says what happened: `truncated`, `originalBytes`, and `omitted` with the fields that were left
 * out.
 */
export const fitMessage = (event: WireEvent, maxBytes: number): string => {
  const whole = JSON.stringify(event);
  // A UTF-16 unit takes at most three bytes, so short texts need not be counted.
  if (whole.length * 3 <= maxBytes || utf8Bytes(whole) <= maxBytes) return whole;
  const originalBytes = utf8Bytes(whole);
  for (const form of smallerForms(event)) {
    const message = print(form, { originalBytes });
    if (utf8Bytes(message) <= maxBytes) return message;
  }
  throw new RangeError(`event ${event.id} does not fit into ${maxBytes} bytes even when cut`);
};

/**
 * What is sent of an event that CloudWatch refuses although it is within every known limit: its essentials, marked `truncated`
 * and `refused`.
 */
export const reduceMessage = (event: WireEvent): string =>
  print(essentials(event), { originalBytes: utf8Bytes(JSON.stringify(event)), refused: true });

function* smallerForms(event: WireEvent): Generator<Form> {
  const fields = { ...event };
  const omitted: string[] = [];
  for (const field of ['previousState', 'newState'] as const) {
    fields[field] = null;
    omitted.push(field);
    yield { fields, omitted };
  }
  fields.changes = [];
  omitted.push('changes');
  yield { fields, omitted };
  yield { fields, omitted, maxTextLength: 16_384 };
  yield { fields, omitted, maxTextLength: 1024 };
  fields.metadata = {};
  omitted.push('metadata');
  yield { fields, omitted, maxTextLength: 1024 };
}

/** Who did what, when and to what. The size is bounded, whatever the event contains. */
const essentials = (event: WireEvent): Form => {
  const { previousState, newState, changes, metadata, requestContext, errorMessage, ...fields } = event;
  const omitted = Object.keys({ previousState, newState, changes, metadata, requestContext, errorMessage });
  return { fields, omitted, maxTextLength: 256 };
};

const print = ({ fields, omitted, maxTextLength }: Form, mark: { originalBytes: number; refused?: true }): string => {
  const shortened: object = maxTextLength === undefined ? fields : shortenTexts(fields, maxTextLength);
  return JSON.stringify({ ...shortened, truncated: true, ...mark, omitted });
};

const shortenTexts = (fields: object, maxLength: number): object =>
  JSON.parse(JSON.stringify(fields), (_key, value: Json) => (typeof value === 'string' ? shorten(value, maxLength) : value));

/** At most `maxLength` UTF-16 units and a mark; never cuts a character in half. */
const shorten = (text: string, maxLength: number): string => {
  if (text.length <= maxLength) return text;
  const endsInHalf = /[\uD800-\uDBFF]/.test(text.charAt(maxLength - 1));
  return `${text.slice(0, endsInHalf ? maxLength - 1 : maxLength)}…`;
};
