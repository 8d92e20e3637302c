// Keep lines short: on a small screen GraphiQL shows about fifty characters of a line, and does not wrap.

const createFlag = `# 1. Create a flag. Press the triangle,
#    or Ctrl+Enter.
mutation CreateFlag {
  createFlag(input: {
    key: "checkout-v2"
    name: "New checkout"
  }) {
    ... on Flag {
      key
      states { environment enabled }
    }
    ... on Error { code message }
  }
}
`;
const schedule = `# 2. Turn it on for a quarter of production,
#    ten seconds from now, and go to tab 3.
#
#    When you send the request, this page turns
#    "in 10 seconds", below, into an instant.
#    The API itself takes instants, such as
#    2027-01-31T09:00:00+01:00.
mutation Schedule($at: DateTime!) {
  createSchedule(input: {
    flagKey: "checkout-v2"
    scheduledAt: $at
    updates: {
      enabled: true
      rolloutPercentage: 25
    }
  }) {
    ... on Schedule {
      id
      status
      scheduledAt
      createdBy
      conflicts { id scheduledAt }
    }
    ... on ValidationError {
      issues { path message }
    }
    ... on Error { code message }
  }
}
`;
const watch = `# 3. Watch the audit log live, over a websocket:
#    the worker applies the change of tab 2.
#    Too late? Schedule another one.
#
#    GraphiQL ends a subscription when you go to
#    another tab. To watch while you work, open
#    this page in a second window.
subscription Watch {
  auditEvents {
    position
    eventType
    occurredAt
    actor { type id name }
    description
  }
}
`;
const scheduleLater = `# 4. Schedule another change, an hour ahead.
mutation ScheduleLater($at: DateTime!) {
  createSchedule(input: {
    flagKey: "checkout-v2"
    scheduledAt: $at
    updates: { enabled: false }
  }) {
    ... on Schedule {
      id
      status
      scheduledAt
      createdBy
    }
    ... on Error { code message }
  }
}
`;
const cancel = `# 5. Cancel it.
#
#    This page replaces "the latest schedule",
#    below, with the id that createSchedule
#    returned last. Any other id works, too.
mutation Cancel($id: ID!) {
  cancelSchedule(input: {
    id: $id
    reason: "changed my mind"
  }) {
    ... on Schedule {
      id
      status
      cancelledBy
      cancelledAt
      cancelReason
    }
    ... on ScheduleNotCancellableError {
      status
    }
    ... on Error { code message }
  }
}
`;
const overview = `# 6. What is scheduled, and who did what.
query Overview {
  schedules(first: 10) {
    totalCount
    edges {
      node {
        id
        flagKey
        scheduledAt
        status
        createdBy
        cancelledBy
      }
    }
  }
  auditEvents(first: 10) {
    totalCount
    edges {
      node {
        position
        eventType
        description
        actor { type id }
      }
    }
  }
}
`;

const rule = `# 7. Target it: colleagues always get it, the
#    rollout decides for everybody else.
#    The rule is JsonLogic, as flagd uses it.
mutation Target {
  addFlagRule(input: {
    flagKey: "checkout-v2"
    rule: {
      key: "colleagues"
      targeting: {
        if: [
          { ends_with: [
            { var: "email" }
            "@example.com"
          ] }
          "on"
          null
        ]
      }
    }
  }) {
    ... on FlagState {
      version
      rules { key targeting }
    }
    ... on Error { code message }
  }
}
`;
const emergency = `# 8. An emergency: turn it off at once, whatever
#    is scheduled. It stays off until somebody
#    runs liftEmergencyOverride.
mutation Emergency {
  emergencyOverride(input: {
    flagKey: "checkout-v2"
    updates: { enabled: false }
    reason: "orders are charged twice"
  }) {
    ... on FlagState {
      enabled
      emergency { reason startedAt startedBy }
    }
    ... on Error { code message }
  }
}
`;

const tab = (query: string, variables: object = {}) => ({ query, variables: JSON.stringify(variables, null, 2) });

/**
 * The tabs that GraphiQL opens with: they lead from creating a flag to a schedule and to the audit log. Readers can run tab
 * after tab without typing anything, because `graphiql-shorthand.ts` fills in instants and ids.
 */
export const exampleTabs = [
  tab(createFlag),
  tab(schedule, { at: 'in 10 seconds' }),
  tab(watch),
  tab(scheduleLater, { at: 'in 3600 seconds' }),
  tab(cancel, { id: 'the latest schedule' }),
  tab(overview),
  tab(rule),
  tab(emergency),
];
