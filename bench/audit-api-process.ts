import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// An audit API that records nothing. It runs in its own process, so that the bench measures only the client.

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { events } = JSON.parse(body).variables.input;
  const results = events.map(({ id }: { id: string }) => ({ id, status: 'RECORDED', issues: [] }));
  const data = { recordAuditEvents: { __typename: 'RecordAuditEventsPayload', results } };
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ data }));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
