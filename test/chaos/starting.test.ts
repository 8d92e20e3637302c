import { expect, it } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { startUnready } from '../support/unready-service.ts';

it('a process that starts while the database goes away waits for it, and does not end', async () => {
  const database = await createPostgresDatabase();
  const url = new URL(database.url);
  let cuts = 0;
  const proxy = await startTcpProxy({
    target: { host: url.hostname, port: Number(url.port) },
    // Behind the look at the migrations: they are all there, and the next question is not answered.
    onConnection: () => (chunk) => {
      if (cuts > 0 || !chunk.includes('log_id')) return;
      cuts += 1;
      proxy.reset();
    },
  });
  atTestEnd(proxy.close);
  url.port = String(proxy.port);
  const service = await startUnready(url.href, { ROLES: 'worker' });
  await expect(service.started).resolves.toBeUndefined();
  expect(cuts).toBe(1);
  const { status } = await fetch(`${service.url}/readyz`);
  expect(status).toBe(200);
});
