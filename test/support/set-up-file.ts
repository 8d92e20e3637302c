import { afterAll, type RunnerTestSuite, vi } from 'vitest';
import { endFile } from './at-test-end.ts';

// Vitest runs this before each test file. Its hook is registered first, so it runs last: it leaves nothing behind for the next
// file, which can run in the same process.
// biome-ignore lint/correctness/noEmptyPattern: Vitest takes nothing but a pattern here.
afterAll(async ({}: object, file: Readonly<RunnerTestSuite>) => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await endFile(file);
});
