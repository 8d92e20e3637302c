import { z } from 'zod';

export type AcceptedEvent = {
  timestamp: number;
  message: string;
  ingestedAt: Date /** Which PutLogEvents call brought it, from 1. */;
  call: number;
};
export type Rejections = { tooOldLogEventEndIndex?: number; tooNewLogEventStartIndex?: number; expiredLogEventEndIndex?: number };

export class CloudWatchError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
const invalid = (message: string) => new CloudWatchError('InvalidParameterException', message);
const missing = (what: string) => new CloudWatchError('ResourceNotFoundException', `The specified log ${what} does not exist.`);

// These numbers repeat those of the code under test on purpose: they come from the API reference.
const hourMs = 60 * 60 * 1000;
const logGroupName = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[.\-_/#A-Za-z0-9]+$/);
const logStreamName = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^:*]*$/);
const logEvent = z.object({ timestamp: z.int().min(0), message: z.string().min(1) });
const inputs = {
  PutLogEvents: z.object({ logGroupName, logStreamName, logEvents: z.array(logEvent).min(1).max(10_000) }),
  CreateLogGroup: z.object({ logGroupName }),
  CreateLogStream: z.object({ logGroupName, logStreamName }),
  GetLogEvents: z.object({
    logGroupName,
    logStreamName,
    limit: z.int().min(1).max(10_000).default(10_000),
    startFromHead: z.boolean().default(false),
  }),
  DescribeLogStreams: z.object({ logGroupName, logStreamNamePrefix: z.string().optional() }),
};

type LogEvent = z.infer<typeof logEvent>;
type Group = { retentionDays: number | null; streams: Map<string, AcceptedEvent[]> };

const checkBatch = (events: readonly LogEvent[]) => {
  let total = 0;
  let previous = 0;
  for (const { timestamp, message } of events) {
    const size = Buffer.byteLength(message, 'utf8') + 26;
    if (size > 1_048_576) throw invalid(`Log event too large: ${size} bytes exceeds limit of 1048576`);
    if (timestamp < previous) throw invalid('Log events in a single PutLogEvents request must be in chronological order.');
    total += size;
    previous = timestamp;
  }
  if (total > 1_048_576) throw invalid(`Upload too large: ${total} bytes exceeds limit of 1048576`);
};

/** Which events are too old, too new, or older than the group's retention. A call whose valid events span over 24 hours fails. */
const judge = (events: readonly LogEvent[], now: Date, retentionDays: number | null): Rejections => {
  const countBefore = (limit: number) => events.filter(({ timestamp }) => timestamp < limit).length;
  const tooOld = countBefore(now.getTime() - 14 * 24 * hourMs);
  const expired = retentionDays === null ? 0 : countBefore(now.getTime() - retentionDays * 24 * hourMs);
  const tooNew = events.findIndex(({ timestamp }) => timestamp > now.getTime() + 2 * hourMs);
  const valid = events.slice(Math.max(tooOld, expired), tooNew < 0 ? undefined : tooNew);
  if ((valid.at(-1)?.timestamp ?? 0) - (valid[0]?.timestamp ?? 0) > 24 * hourMs)
    throw invalid('The batch of log events in a single PutLogEvents request cannot span more than 24 hours.');
  return {
    ...(tooOld > 0 && { tooOldLogEventEndIndex: tooOld }),
    ...(expired > tooOld && { expiredLogEventEndIndex: expired }),
    ...(tooNew >= 0 && { tooNewLogEventStartIndex: tooNew }),
  };
};

/** The state and the rules of CloudWatch Logs, without the network. */
export const makeCloudWatchRules = ({
  now,
  refuse,
}: {
  now: () => Date;
  refuse?: ((message: string) => boolean) | undefined;
}) => {
  const groups = new Map<string, Group>();
  let puts = 0;

  const createGroup = (name: string, { retentionDays = null }: { retentionDays?: number | null } = {}) => {
    if (groups.has(name)) throw new CloudWatchError('ResourceAlreadyExistsException', 'The specified log group already exists');
    groups.set(name, { retentionDays, streams: new Map() });
  };
  const groupOf = (name: string): Group => {
    const group = groups.get(name);
    if (!group) throw missing('group');
    return group;
  };
  const createStream = (groupName: string, name: string) => {
    const { streams } = groupOf(groupName);
    if (streams.has(name)) throw new CloudWatchError('ResourceAlreadyExistsException', 'The specified log stream already exists');
    streams.set(name, []);
  };

  const put = (input: z.infer<typeof inputs.PutLogEvents>, forced: Rejections | undefined): object => {
    const group = groupOf(input.logGroupName);
    const stream = group.streams.get(input.logStreamName);
    if (!stream) throw missing('stream');
    checkBatch(input.logEvents);
    if (refuse && input.logEvents.some(({ message }) => refuse(message))) throw invalid('refused as the test wanted');
    const rejections = forced ?? judge(input.logEvents, now(), group.retentionDays);
    const from = Math.max(rejections.tooOldLogEventEndIndex ?? 0, rejections.expiredLogEventEndIndex ?? 0);
    const taken = input.logEvents.slice(from, rejections.tooNewLogEventStartIndex);
    puts += 1;
    stream.push(...taken.map((event) => ({ ...event, ingestedAt: now(), call: puts })));
    return Object.keys(rejections).length > 0 ? { rejectedLogEventsInfo: rejections } : {};
  };

  const parse = <Output>(schema: z.ZodType<Output>, body: string): Output => {
    const parsed = schema.safeParse(JSON.parse(body));
    if (!parsed.success) throw invalid(`${parsed.error.issues.length} validation error detected: ${parsed.error.message}`);
    return parsed.data;
  };

  return {
    createGroup,
    createStream,
    accepted: (group: string, stream: string): readonly AcceptedEvent[] => groups.get(group)?.streams.get(stream) ?? [],
    /**
     * Carries out an operation and returns its answer. Throws a CloudWatchError. `forced`: these are rejected, whatever their
     * timestamps.
     */
    carryOut: (operation: string, body: string, forced?: Rejections): object => {
      if (operation === 'PutLogEvents') return put(parse(inputs.PutLogEvents, body), forced);
      if (operation === 'CreateLogGroup') {
        createGroup(parse(inputs.CreateLogGroup, body).logGroupName);
        return {};
      }
      if (operation === 'CreateLogStream') {
        const input = parse(inputs.CreateLogStream, body);
        createStream(input.logGroupName, input.logStreamName);
        return {};
      }
      if (operation === 'GetLogEvents') {
        const { logGroupName: name, logStreamName, limit, startFromHead } = parse(inputs.GetLogEvents, body);
        const stream = groupOf(name).streams.get(logStreamName);
        if (!stream) throw missing('stream');
        // By their timestamps, whatever the order in which they came; the latest ones, unless the head is asked for.
        const events = stream.toSorted((a, b) => a.timestamp - b.timestamp);
        const chosen = startFromHead ? events.slice(0, limit) : events.slice(-limit);
        return {
          events: chosen.map(({ timestamp, message, ingestedAt }) => ({
            timestamp,
            message,
            ingestionTime: ingestedAt.getTime(),
          })),
          nextForwardToken: `f/${events.length}`,
          nextBackwardToken: 'b/0',
        };
      }
      if (operation === 'DescribeLogStreams') {
        const { logGroupName: name, logStreamNamePrefix: prefix = '' } = parse(inputs.DescribeLogStreams, body);
        const names = [...groupOf(name).streams.keys()].filter((stream) => stream.startsWith(prefix));
        return { logStreams: names.map((logStreamName) => ({ logStreamName })) };
      }
      throw new CloudWatchError('UnknownOperationException', `no operation ${operation}`);
    },
  };
};
