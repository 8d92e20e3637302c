import {
  type CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
  type RejectedLogEventsInfo,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import type { Logger } from 'pino';
import type { PlannedEvent } from './plan-batch.ts';

type LogEvent = Pick<PlannedEvent, 'timestamp' | 'message'>;
type Deps = { client: CloudWatchLogsClient; logGroup: string; logStream: string; logger: Logger };

/** Calls PutLogEvents, and creates the log group and the stream if they are missing. Resolves to what was rejected. */
export const makePutLogEvents = ({ client, logGroup, logStream, logger }: Deps) => {
  const put = async (events: readonly LogEvent[], abortSignal: AbortSignal): Promise<RejectedLogEventsInfo | undefined> => {
    const logEvents = events.map(({ timestamp, message }) => ({ timestamp, message }));
    const command = new PutLogEventsCommand({ logGroupName: logGroup, logStreamName: logStream, logEvents });
    const response = await client.send(command, { abortSignal });
    return response.rejectedLogEventsInfo;
  };

  // Tries the stream first: if the group exists, no right to create groups is needed.
  const createStream = async (abortSignal: AbortSignal): Promise<void> => {
    const createOnlyStream = () =>
      tolerateExisting(
        client.send(new CreateLogStreamCommand({ logGroupName: logGroup, logStreamName: logStream }), { abortSignal }),
      );
    try {
      await createOnlyStream();
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
      await tolerateExisting(client.send(new CreateLogGroupCommand({ logGroupName: logGroup }), { abortSignal }));
      await createOnlyStream();
    }
    logger.info({ logGroup, logStream }, 'created the log stream in CloudWatch Logs');
  };

  return async (events: readonly LogEvent[], signal: AbortSignal): Promise<RejectedLogEventsInfo | undefined> => {
    try {
      return await put(events, signal);
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error;
      await createStream(signal);
      return await put(events, signal);
    }
  };
};

const tolerateExisting = async (creation: Promise<unknown>): Promise<void> => {
  try {
    await creation;
  } catch (error) {
    if (!(error instanceof ResourceAlreadyExistsException)) throw error;
  }
};
