import { parse } from 'csv-parse/sync';
import { z } from 'zod';

/** A version of Kubernetes. */
export const versionSchema = z.string().regex(/^\d{1,3}\.\d{1,4}$/, 'allowed are versions like 1.34');
const stages = ['alpha', 'beta', 'ga', 'deprecated'] as const;
const flag = z.enum(['true', 'false'], 'allowed are true and false').transform((text) => text === 'true');

const gateChange = z.object({
  gate: z.string().regex(/^[a-z0-9]\w{0,254}$/i, 'allowed are letters, digits and _, because it becomes the key of a flag'),
  version: versionSchema,
  stage: z.enum(stages, `allowed are ${stages.join(', ')}`),
  enabled: flag,
  locked: flag,
});
const release = z.object({ version: versionSchema, released_on: z.iso.date() });

/** From this version of Kubernetes on, a feature gate has this stage, is on or off by default, and is locked or not. */
export type GateChange = z.output<typeof gateChange>;

const maxIssues = 20;

/**
 * Reads the rows of a CSV file whose header names the schema's columns. Throws an Error that names up to 20 lines and their
 * problems.
 */
const readCsv = <Row extends z.ZodObject>(csv: string, row: Row): z.output<Row>[] => {
  const header = Object.keys(row.shape);
  const columns = (found: string[]) => {
    if (found.join() !== header.join()) throw new Error(`line 1: must be '${header.join()}'`);
    return header;
  };
  const records: Record<string, string>[] = parse(csv, { bom: true, columns });
  const issues: string[] = [];
  const rows = records.flatMap((record, index) => {
    const { data, error } = row.safeParse(record);
    for (const { path, message } of error?.issues ?? [])
      issues.push(`line ${index + 2}: ${path.join()} is '${record[path.join()]}': ${message}`);
    return data ? [data] : [];
  });
  if (issues.length > 0) throw new Error(issues.slice(0, maxIssues).join('\n'));
  return rows;
};

/** Reads Kubernetes' feature gates in the file's order. Throws an Error that lists the problems by line. */
export const readGates = (csv: string): GateChange[] => readCsv(csv, gateChange);

/** Reads when each version was released. Throws an Error that lists the problems by line. */
export const readReleases = (csv: string): Map<string, string> =>
  new Map(readCsv(csv, release).map(({ version, released_on: releasedOn }) => [version, releasedOn]));

/** Negative if `a` is older: 1.8 comes before 1.16. */
export const compareVersions = (a: string, b: string): number => {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor - bMajor || aMinor - bMinor;
};

/** Each gate as of a version, or of the newest version (null). Gates that come later are left out. */
export const gatesAt = (changes: readonly GateChange[], version: string | null): GateChange[] => {
  const latest = new Map<string, GateChange>();
  for (const change of changes) {
    if (version !== null && compareVersions(change.version, version) > 0) continue;
    const known = latest.get(change.gate);
    if (!known || compareVersions(known.version, change.version) <= 0) latest.set(change.gate, change);
  }
  return [...latest.values()];
};

/** Writes gates as a flagd document, which `flagtrail import` reads. */
export const toFlagd = (gates: readonly GateChange[]) => ({
  $schema: 'https://flagd.dev/schema/v0/flags.json',
  flags: Object.fromEntries(gates.map((gate) => [gate.gate, toFlag(gate)])),
});

/** Writes a gate as a flag: on or off, with its stage as a tag, and the tag `locked` if operators cannot change it. */
const toFlag = ({ gate, stage, enabled, locked }: GateChange) => ({
  state: enabled ? 'ENABLED' : 'DISABLED',
  variants: { on: true, off: false },
  defaultVariant: 'on',
  metadata: { name: gate, description: 'A feature gate of Kubernetes', tags: [stage, ...(locked ? ['locked'] : [])].join() },
});
