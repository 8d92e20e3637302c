import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { startRunHost } from './run-host.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL where tests ask for what they share: see `run-host.ts`. */
    runHost: string;
  }
}

/**
 * Prepares a run. Nothing starts until a test asks for it; everything that was started is stopped afterwards, whatever the tests
 * did.
 */
export default async function setUp(project: TestProject) {
  // The tests start many processes. They share what Node has compiled, also with the next run; Node compares it with the source.
  process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/compiled');
  const host = await startRunHost();
  project.provide('runHost', host.url);
  return host.stop;
}
