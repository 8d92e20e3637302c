import type { Command } from 'commander';

/** Adds `flagtrail export`, and gives it back: what can be exported (`flags`, `events`) hangs itself in as a command of its own. */
export const addExportCommand = (program: Command): Command =>
  program.command('export').description('write audit events, or the flags of an environment, to standard output or a file');
