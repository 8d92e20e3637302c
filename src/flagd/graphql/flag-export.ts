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
    description: `All flags of one environment as a flag definition document of flagd (https://flagd.dev/reference/flag-definitions/), which OpenFeature providers read. Left out are flags that flagd cannot have: those without a variant, as a string flag that was given none, and those whose default variant is none of their variants. Where there are any, the document names them beside \`flags\`: \`omitted: [{ flagKey, reason }]\`, which flagd passes over. At most ${number.format(exportLimits.flags)} flags and ${exportLimits.bytes / 2 ** 20} MiB; \`flagtrail export flags\` has no such limit. Flags that change meanwhile may be as before or as after.`,
    args: { environment: t.arg.string({ required: true, defaultValue: 'production', description: "The environment's key." }) },
    // It reads every flag: one or two of these are an operation.
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
