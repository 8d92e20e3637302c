import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { buildSchema } from 'graphql';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

it('is imported as flagtrail/schema.graphql, from the package as it is published', async () => {
  // Through the exports of the package, as another package resolves it.
  const file = createRequire(path.join(root, 'package.json')).resolve('flagtrail/schema.graphql');
  expect(path.relative(root, file)).toBe('schema.graphql');
  expect(buildSchema(readFileSync(file, 'utf8')).getMutationType()?.getFields()).toHaveProperty('createSchedule');

  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root });
  const packed = Object.values(JSON.parse(stdout) as Record<string, { files: { path: string }[] }>)[0];
  expect(packed?.files.map(({ path }) => path)).toContain('schema.graphql');
});
