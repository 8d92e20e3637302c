import type { RejectedLogEventsInfo } from '@aws-sdk/client-cloudwatch-logs';

/**
 * Which of a batch's events were accepted, as a range of indexes: [acceptedFrom, acceptedTo). Those before are too old for
 * CloudWatch or for the group's retention, those behind are too new. Both ends of "old" are exclusive, the start of "new"
 * is inclusive (API reference, RejectedLogEventsInfo); an index out of range is taken as the range's end.
 */
export const readRejections = (rejected: RejectedLogEventsInfo | undefined, count: number) => {
  const clamp = (index: number) => Math.min(count, Math.max(0, index));
  const acceptedFrom = clamp(Math.max(rejected?.tooOldLogEventEndIndex ?? 0, rejected?.expiredLogEventEndIndex ?? 0));
  return { acceptedFrom, acceptedTo: Math.max(acceptedFrom, clamp(rejected?.tooNewLogEventStartIndex ?? count)) };
};
