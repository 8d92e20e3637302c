import type { makeExportFlags } from '../commands/export-flags.ts';

declare module '../../graphql/app.ts' {
  interface App {
    exportFlags: ReturnType<typeof makeExportFlags>;
  }
}
