import { afterAll, type RunnerTestSuite, vi } from 'vitest';
import { endFile } from './at-test-end.ts';

// Vitest runs this before each test file. Its hook is the first of the file, hence the last to run: the next file, which the
// same process may take, finds nothing of this one.
// biome-ignore lint/correctness/noEmptyPattern: Vitest takes nothing but a pattern here.
afterAll(async ({}: object, file: Readonly<RunnerTestSuite>) => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await endFile(file);
});
