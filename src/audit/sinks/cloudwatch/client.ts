import { CloudWatchLogsClient, type CloudWatchLogsClientConfig } from '@aws-sdk/client-cloudwatch-logs';

/**
 * A client for the sink. AWS's own variables and files choose region, credentials and endpoint. One attempt a call, because
 * the sink runner does the trying again; `requestTimeoutMs` for request and response together.
 */
export const makeCloudWatchClient = ({
  requestTimeoutMs = 30_000,
  ...config
}: CloudWatchLogsClientConfig & { requestTimeoutMs?: number } = {}): CloudWatchLogsClient =>
  new CloudWatchLogsClient({
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 5000, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
    ...config,
  });
