// What PutLogEvents accepts. Source: the CloudWatch Logs API reference, "PutLogEvents".

/** Added to each event's UTF-8 bytes when AWS counts. */
export const eventOverheadBytes = 26;
export const maxBatchBytes = 1_048_576;
export const maxBatchEvents = 10_000;
/** The longest message that still makes an event, and a batch of one, of 1 MB. */
export const maxMessageBytes = 1_048_576 - eventOverheadBytes;

const hourMs = 3_600_000;
export const maxSpanMs = 24 * hourMs;
export const maxAgeMs = 14 * 24 * hourMs;
export const maxAheadMs = 2 * hourMs;
