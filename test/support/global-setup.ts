import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { startRunHost } from './run-host.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the tests ask for what they share: see `run-host.ts`. */
    runHost: string;
  }
}

/** Readies a run: nothing is started until a test asks for it; whatever was is stopped afterwards, whatever the tests did. */
export default async function setUp(project: TestProject) {
  // The tests start many processes: what Node compiled for one serves them all, and those of the next run. Node compares what
  // it finds there with the source.
  process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/compiled');
  const host = await startRunHost();
  project.provide('runHost', host.url);
  return host.stop;
}
