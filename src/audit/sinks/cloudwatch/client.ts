import { CloudWatchLogsClient, type CloudWatchLogsClientConfig } from '@aws-sdk/client-cloudwatch-logs';

/**
 * A client for the sink. AWS's own environment variables and files set the region, credentials and endpoint. Each call makes one
 * attempt, because the sink runner retries; `requestTimeoutMs` covers the request and the response together.
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
