import type { Json } from '../../../kernel/json.ts';
import type { toWire } from '../../model/audit-event.ts';

/** An event on the wire; with the two instants where it is resent with another timestamp than its own. */
export type WireEvent = ReturnType<typeof toWire> & { originalTimestamp?: string; resentAt?: string };

/** An event's message, and why it says less than the event, where it does. */
type Form = { fields: object; omitted: string[]; maxTextLength?: number };

const utf8Bytes = (text: string): number => Buffer.byteLength(text, 'utf8');

/**
 * The event as JSON, in at most `maxBytes` of UTF-8 (256 KiB or more: that is always enough). Too long an event is cut until it fits: first the
 * states and the changes go, then long texts are shortened, then the metadata goes. It stays valid JSON, keeps
 * its id and position, and says so: `truncated`, `originalBytes`, and `omitted`, the fields that were left out.
 */
export const fitMessage = (event: WireEvent, maxBytes: number): string => {
  const whole = JSON.stringify(event);
  // A UTF-16 unit takes three bytes at most, so short texts need no counting.
  if (whole.length * 3 <= maxBytes || utf8Bytes(whole) <= maxBytes) return whole;
  const originalBytes = utf8Bytes(whole);
  for (const form of smallerForms(event)) {
    const message = print(form, { originalBytes });
    if (utf8Bytes(message) <= maxBytes) return message;
  }
  throw new RangeError(`event ${event.id} does not fit into ${maxBytes} bytes even when cut`);
};

/** What is left of an event that CloudWatch refuses for no limit we know: its essentials, marked `truncated` and `refused`. */
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

/** Who did what, when and to what: bounded in size, whatever the event holds. */
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

/** At most `maxLength` UTF-16 units and a mark; never half a character. */
const shorten = (text: string, maxLength: number): string => {
  if (text.length <= maxLength) return text;
  const endsInHalf = /[\uD800-\uDBFF]/.test(text.charAt(maxLength - 1));
  return `${text.slice(0, endsInHalf ? maxLength - 1 : maxLength)}…`;
};
