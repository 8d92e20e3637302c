import type { GraphiQLOptions } from 'graphql-yoga';
import { isLoopback } from '../loopback.ts';

type Deps = {
  /** Makes a token for the page; null: people bring their own. */
  mintToken: (() => Promise<string>) | null;
};

const createFlag = `# 1. Create a flag. Press the button with the triangle, or Ctrl+Enter.
mutation CreateFlag {
  createFlag(input: { key: "checkout-v2", name: "New checkout" }) {
    ... on Flag { id key states { environment enabled rolloutPercentage } }
    ... on Error { code message }
  }
}
`;
const watchEvents = `# 2. Watch the audit log live, over a websocket. Leave this tab running while you use the others.
subscription WatchEvents {
  auditEvents {
    position
    eventType
    occurredAt
    actor { type id name }
    description
    cursor
  }
}
`;
const schedule = `# 3. Turn the flag on for a quarter of production, ten seconds from now. \`$at\` below is set when the page
#    opens: reload it, or write another instant, once it has passed.
mutation Schedule($at: DateTime!) {
  createSchedule(input: { flagKey: "checkout-v2", scheduledAt: $at, updates: { enabled: true, rolloutPercentage: 25 } }) {
    ... on Schedule { id status scheduledAt createdBy conflicts { id scheduledAt } }
    ... on ValidationError { issues { path message } }
    ... on Error { code message }
  }
}
`;
const cancel = `# 4. Call a schedule off: put its id into the variables below.
mutation Cancel($id: ID!) {
  cancelSchedule(input: { id: $id, reason: "changed my mind" }) {
    ... on Schedule { id status cancelledBy cancelledAt cancelReason }
    ... on ScheduleNotCancellableError { status message }
    ... on Error { code message }
  }
}
`;
const list = `# 5. What is scheduled, and who did what.
query Overview {
  schedules(first: 10) { totalCount edges { node { id flagKey scheduledAt status createdBy } } }
  auditEvents(first: 10) { totalCount edges { node { position eventType description } } }
}
`;

/**
 * GraphiQL's page, with example operations. It carries a token only where `mintToken` is given, and then only when the
 * browser asked for a loopback host: a foreign name that resolves to this machine (DNS rebinding) gets a page without.
 */
export const makeGraphiQLPage =
  ({ mintToken }: Deps) =>
  async (request: Request): Promise<GraphiQLOptions> => {
    const token = mintToken && isLoopback(new URL(request.url).hostname) ? await mintToken() : null;
    const headers = token ? JSON.stringify({ authorization: `Bearer ${token}` }, null, 2) : '{\n  "authorization": "Bearer "\n}';
    const tab = (query: string, variables: object = {}) => ({ query, variables: JSON.stringify(variables, null, 2), headers });
    const inTenSeconds = new Date(Date.now() + 10_000).toISOString();
    return {
      title: 'Flagtrail',
      defaultTabs: [tab(createFlag), tab(watchEvents), tab(schedule, { at: inTenSeconds }), tab(cancel, { id: '' }), tab(list)],
      headers,
      defaultHeaders: headers,
      subscriptionsProtocol: 'WS',
      shouldPersistHeaders: false,
      credentials: 'same-origin',
    };
  };
