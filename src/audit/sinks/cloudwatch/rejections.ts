import type { RejectedLogEventsInfo } from '@aws-sdk/client-cloudwatch-logs';

/**
 * Which of a batch's events were accepted, as a range of indexes: [acceptedFrom, acceptedTo). Those before it are too old for
 * CloudWatch or for the group's retention; those from `acceptedTo` on are too new. Both "old" ends are exclusive, the "new" start
 * is inclusive (API reference, RejectedLogEventsInfo). An index outside the batch is clamped.
 */
export const readRejections = (rejected: RejectedLogEventsInfo | undefined, count: number) => {
  const clamp = (index: number) => Math.min(count, Math.max(0, index));
  const acceptedFrom = clamp(Math.max(rejected?.tooOldLogEventEndIndex ?? 0, rejected?.expiredLogEventEndIndex ?? 0));
  return { acceptedFrom, acceptedTo: Math.max(acceptedFrom, clamp(rejected?.tooNewLogEventStartIndex ?? count)) };
};
