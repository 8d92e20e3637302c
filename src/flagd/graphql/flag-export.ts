import { EnvironmentNotFoundError } from '../../environments/model/environment-errors.ts';
import { builder, requires } from '../../graphql/builder.ts';
import { badUserInput } from '../../graphql/errors.ts';
import type { makeExportFlags } from '../commands/export-flags.ts';
import { ExportTooLargeError, exportLimits, toOneDocument } from '../commands/export-flags.ts';

declare module '../../graphql/app.ts' {
  interface GraphQLApp {
    exportFlags: ReturnType<typeof makeExportFlags>;
  }
}

const number = new Intl.NumberFormat('en');

builder.queryField('exportFlags', (t) =>
  t.field({
    type: 'JSON',
    description: `All flags of one environment as a flag definition document for flagd (https://flagd.dev/reference/flag-definitions/), which OpenFeature providers can read. Flags that flagd does not support are left out: those without variants, and those whose default variant is not one of their variants. The document then lists them beside \`flags\`, where flagd ignores them: \`omitted: [{ flagKey, reason }]\`. At most ${number.format(exportLimits.flags)} flags and ${exportLimits.bytes / 2 ** 20} MiB; the command \`flagtrail export flags\` has no such limit. A flag that changes during the export appears either as it was before or as it is after the change.`,
    args: { environment: t.arg.string({ required: true, defaultValue: 'production', description: "The environment's key." }) },
    // It reads every flag, so an operation can have only one or two of these.
    extensions: { ...requires('AUDITOR').extensions, cost: 50_000 },
    resolve: async (_root, { environment }, { app, caller }) => {
      try {
        return await app.exportFlags(caller, environment, toOneDocument(environment));
      } catch (error) {
        if (error instanceof EnvironmentNotFoundError || error instanceof ExportTooLargeError) throw badUserInput(error.message);
        throw error;
      }
    },
  }),
);
