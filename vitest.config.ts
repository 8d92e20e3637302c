import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  resolve: {
    // Vitest would pick another build of graphql than Node gives to the libraries, and two copies refuse each other's types.
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    setupFiles: 'test/support/set-up-file.ts',
    // Processes, that tests may end others beside them. Each takes file after file: to load the service costs more CPU than most
    // files do, so a test file leaves nothing behind, and neither does a module of the service (see test/support/set-up-file.ts).
    pool: 'forks',
    isolate: false,
    // The tests wait for servers as often as they compute: more than one for each core, also where there are only two.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Real servers on a busy machine. A test that waits this long has hung; none measures time.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
