import { expect, it, vi } from 'vitest';
import { applicationEventAliases } from '../../src/applications/model/event-types.ts';
import type { AuditEventName } from '../../src/client/audit-event.ts';
import { createAuditClient } from '../../src/client/main.ts';
import { startTestService, token } from '../support/service.ts';

type Recorded = { eventType: string; result: string; actor: { id: string }; metadata: { details?: unknown; count?: number } };
const quiet = { warn: () => {}, error: () => {} };

it('the service records what the client sends, under every name that the client knows, and hears of what was lost', async () => {
  const service = await startTestService();
  const writer = token({ sub: 'billing', groups: ['audit-writer'] });
  const audit = createAuditClient({ url: service.url, token: () => writer, logger: quiet });
  const aliases = Object.keys(applicationEventAliases) as (keyof typeof applicationEventAliases)[];
  const names: AuditEventName[] = aliases.flatMap((alias) => [alias, applicationEventAliases[alias]]);
  for (const type of names) audit.logAuditEvent({ type, userId: 'ada', ipAddress: '192.0.2.1', resource: 'r', resourceId: '1' });
  audit.auditLogin('ada', 'workspace', '192.0.2.1');
  audit.auditSettingsChange('ada', 'workspace', 'theme', null, { name: 'dark\0\ud800' });
  // Two that are lost: one that the service refuses, and one that has no JSON form.
  audit.logAuditEvent({ type: 'login', userId: '' });
  audit.logAuditEvent({ type: 'login', details: { toJSON: () => JSON.parse('{') } });
  expect(await audit.close(20_000)).toBe(true);
  expect(audit.stats()).toEqual({ queued: 0, sent: 26, duplicates: 0, refused: 1, dropped: 1, declaredLost: 2 });

  const recorded = await vi.waitFor(
    async () => {
      const query =
        '{ auditEvents(first: 100, order: OLDEST_FIRST) { edges { node { eventType result actor { id } metadata } } } }';
      const { data } = await service.gql<{ auditEvents: { edges: { node: Recorded }[] } }>(query);
      const nodes = data?.auditEvents.edges.map(({ node }) => node) ?? [];
      expect(nodes.length).toBeGreaterThanOrEqual(28);
      return nodes;
    },
    { timeout: 20_000 },
  );
  const lost = recorded.filter(({ eventType }) => eventType === 'audit.loss');
  const delivered = recorded.filter(({ eventType }) => eventType !== 'audit.loss');
  expect(delivered.map(({ eventType }) => eventType)).toEqual([
    ...Object.values(applicationEventAliases).flatMap((type) => [type, type]),
    'auth.login',
    'settings.changed',
  ]);
  expect(new Set(delivered.map(({ actor }) => actor.id))).toEqual(new Set(['ada']));
  expect(lost.map(({ metadata }) => metadata.count)).toEqual([1, 1]);
});
