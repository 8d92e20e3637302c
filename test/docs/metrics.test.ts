import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { makeMetrics } from '../../src/http/metrics.ts';

it('docs/operations.md lists each of the metrics, and no other', async () => {
  const operations = readFileSync(path.resolve(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const listed = Array.from(operations.matchAll(/^\| `(flagtrail_[a-z_]+)(?:\{[a-z,]+\})?` \|/gm), ([, name]) => name);
  const metrics = makeMetrics({ isDatabaseUp: async () => true, nowMs: () => 0 });
  const registered = Array.from((await metrics.text()).matchAll(/^# TYPE (flagtrail_[a-z_]+) /gm), ([, name]) => name);
  expect(registered.length).toBeGreaterThan(10);
  expect(listed.toSorted()).toEqual(registered.toSorted());
});
