import { describe, expect, it, vi } from 'vitest';
import * as audit from '../../src/client/main.ts';
import { atTestEnd } from '../support/at-test-end.ts';
import { startAuditApi } from '../support/audit-api.ts';

describe('the functions of flagtrail/client itself', () => {
  it('keep what is logged before they are configured, say so once, and never throw', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    atTestEnd(async () => warn.mockRestore());
    const details = { step: 'before' };
    audit.logAuditEvent({ type: 'admin_action', details });
    details.step = 'changed later';
    audit.auditLogin('user', 'workspace', '192.0.2.1');
    expect(audit.stats()).toMatchObject({ queued: 2 });
    expect(await audit.flush(10)).toBe(false);
    expect(warn.mock.calls.map(([line]) => String(line).replace(/ \{.*/, ''))).toEqual([
      'flagtrail: audit events wait for configureAuditClient',
      'flagtrail: audit events are still waiting at the deadline of flush()',
    ]);

    const api = await startAuditApi();
    audit.configureAuditClient({ url: api.url, token: 'a-token' });
    audit.auditLogout('user', 'workspace');
    expect(await audit.close()).toBe(true);
    expect(api.recorded().map(({ type, details }) => [type, details])).toEqual([
      ['admin_action', { step: 'before' }],
      ['auth.login', undefined],
      ['auth.logout', undefined],
    ]);
  });

  it('refuse wrong options', () => {
    expect(() => audit.configureAuditClient({ url: 'x', token: 'a-token' })).toThrow(TypeError);
  });
});
