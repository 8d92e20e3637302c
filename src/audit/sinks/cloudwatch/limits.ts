// What PutLogEvents accepts. Source: the CloudWatch Logs API reference, "PutLogEvents".

/** AWS counts this in addition to each event's UTF-8 bytes. */
export const eventOverheadBytes = 26;
export const maxBatchBytes = 1_048_576;
export const maxBatchEvents = 10_000;
/** The longest message that fits into an event, and into a batch of one, of 1 MB. */
export const maxMessageBytes = 1_048_576 - eventOverheadBytes;

const hourMs = 3_600_000;
/** Between the first and the last event of a batch. */
export const maxSpanMs = 24 * hourMs;
/** How old an event can be. */
export const maxAgeMs = 14 * 24 * hourMs;
/** How far in the future an event can be. */
export const maxAheadMs = 2 * hourMs;
