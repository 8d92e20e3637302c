import { flagKeySchema } from '../../flags/model/flag.ts';
import type { ValidationIssue } from '../../kernel/errors.ts';
import type { ImportedFlag } from './flagd-import.ts';

export const gateStages = ['alpha', 'beta', 'ga', 'deprecated'] as const;
export type GateStage = (typeof gateStages)[number];

/** From this version of Kubernetes on, a feature gate is at this stage, on or off by default, and locked or not. */
export type GateChange = { gate: string; version: string; stage: GateStage; enabled: boolean; locked: boolean };

const header = 'gate,version,stage,enabled,locked';
const maxIssues = 20;

/**
 * Reads Kubernetes' feature gates (a CSV file with the columns gate, version, stage, enabled and locked, nothing quoted), in
 * the order of the file, or says what is wrong with it: up to 20 issues, with the line as their path.
 */
export const parseGates = (csv: string): { changes: GateChange[]; issues: ValidationIssue[] } => {
  const [first = '', ...lines] = csv
    .replace(/^\uFEFF/, '')
    .trimEnd()
    .split(/\r?\n/);
  if (first !== header) return { changes: [], issues: [{ path: ['line 1'], message: `must be '${header}'` }] };
  const parsed = lines.map((line, index) => parseLine(line, `line ${index + 2}`));
  const issues = parsed.flatMap(({ issue }) => (issue ? [issue] : [])).slice(0, maxIssues);
  return issues.length > 0
    ? { changes: [], issues }
    : { changes: parsed.flatMap(({ change }) => (change ? [change] : [])), issues };
};

const parseLine = (line: string, at: string): { change?: GateChange; issue?: ValidationIssue } => {
  const refuse = (message: string) => ({ issue: { path: [at], message } });
  const [gate = '', version = '', stage = '', enabled = '', locked = '', ...more] = line.split(',');
  if (more.length > 0 || line.includes('"')) return refuse(`must have 5 columns without quotes: ${line}`);
  if (!flagKeySchema.safeParse(gate).success) return refuse(`has the gate '${gate}', which cannot be a flag's key`);
  if (!/^\d{1,3}\.\d{1,4}$/.test(version)) return refuse(`has the version '${version}': allowed are versions like 1.34`);
  const known = gateStages.find((one) => one === stage);
  if (!known) return refuse(`has the stage '${stage}': allowed are ${gateStages.join(', ')}`);
  const wrong = [enabled, locked].find((value) => value !== 'true' && value !== 'false');
  if (wrong !== undefined) return refuse(`has '${wrong}' where only true and false are allowed`);
  return { change: { gate, version, stage: known, enabled: enabled === 'true', locked: locked === 'true' } };
};

/** Negative where `a` is the older one: 1.8 comes before 1.16. */
export const compareVersions = (a: string, b: string): number => {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor - bMajor || aMinor - bMinor;
};

/** What each gate is at a version, or at the newest one (null); without those that come later. */
export const gatesAt = (changes: readonly GateChange[], version: string | null): GateChange[] => {
  const latest = new Map<string, GateChange>();
  for (const change of changes) {
    if (version !== null && compareVersions(change.version, version) > 0) continue;
    const known = latest.get(change.gate);
    if (!known || compareVersions(known.version, change.version) <= 0) latest.set(change.gate, change);
  }
  return [...latest.values()];
};

/** A gate as a flag: on or off, with its stage as a tag, and `locked` where operators cannot say otherwise. */
export const gateToFlag = ({ gate, stage, enabled, locked }: GateChange): ImportedFlag => ({
  key: gate,
  name: gate,
  description: 'A feature gate of Kubernetes',
  type: 'BOOLEAN',
  variants: [],
  tags: [stage, ...(locked ? ['locked'] : [])],
  state: { enabled, rolloutPercentage: 100, defaultVariant: null, rules: [] },
});
