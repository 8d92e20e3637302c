import type { Command } from 'commander';

/** Adds `flagtrail export` and returns it. Its subcommands `flags` and `events` add themselves. */
export const addExportCommand = (program: Command): Command =>
  program.command('export').description('write audit events, or the flags of an environment, to standard output or a file');
