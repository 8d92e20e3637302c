import {
  type CloudWatchLogsClient,
  GetLogEventsCommand,
  type RejectedLogEventsInfo,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Clock } from '../../kernel/clock.ts';
import { parseCheckpointText } from '../model/checkpoint.ts';
import { parseNote } from '../model/note.ts';
import type { Anchor } from '../ports/anchor.ts';

type Deps = {
  client: CloudWatchLogsClient;
  logGroup: string;
  logStream: string;
  /** Calls PutLogEvents, and creates what is missing. */
  put: (
    events: readonly { timestamp: number; message: string }[],
    signal: AbortSignal,
  ) => Promise<RejectedLogEventsInfo | undefined>;
  clock: Clock;
  logger: Pick<Logger, 'warn'>;
};

/** How many of the latest events are read. Several processes sign, so the last one need not be the furthest. */
const latestEvents = 50;
const bodySchema = z.object({ note: z.string() });

/** Keeps checkpoints in a stream of CloudWatch Logs, one JSON object per event. */
export const makeCloudWatchAnchor = ({ client, logGroup, logStream, put, clock, logger }: Deps): Anchor => {
  const name = `the CloudWatch stream ${logGroup}:${logStream}`;
  const read = async (abortSignal: AbortSignal): Promise<string[]> => {
    const command = new GetLogEventsCommand({
      logGroupName: logGroup,
      logStreamName: logStream,
      limit: latestEvents,
      startFromHead: false,
    });
    const { events = [] } = await client.send(command, { abortSignal });
    return events.flatMap(({ message = '' }) => readNote(message) ?? []);
  };
  return {
    name,
    read: async (signal) => {
      try {
        return await read(signal);
      } catch (error) {
        if (error instanceof ResourceNotFoundException) return [];
        if (!(error instanceof Error && error.name === 'AccessDeniedException')) throw error;
        logger.warn(
          `${name} cannot be read, so it cannot show that the database went back in time: allow logs:GetLogEvents (${error.message})`,
        );
        return [];
      }
    },
    put: async (note, signal) => {
      const rejected = await put([{ timestamp: clock.now().getTime(), message: JSON.stringify(toBody(note)) }], signal);
      if (rejected) throw new Error(`it rejects the time of this machine's clock: ${JSON.stringify(rejected)}`);
    },
    close: () => client.destroy(),
  };
};

/** The note, and beside it what queries look for. */
const toBody = (note: string) => {
  const { text } = parseNote(note);
  const point = parseCheckpointText(text);
  return {
    type: 'checkpoint',
    origin: text.split('\n')[0],
    size: point?.size,
    rootHash: point?.rootHash.toString('base64'),
    note,
  };
};

/** Null for what somebody else wrote there. */
const readNote = (message: string): string | null => {
  try {
    return bodySchema.parse(JSON.parse(message)).note;
  } catch {
    return null;
  }
};
