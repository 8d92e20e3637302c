import { describe, expect, it } from 'vitest';
import { type Import, importsOf, readSources } from './support/imports.ts';

// docs/architecture.md draws what these tests hold.

/** The wings that stand on the shared schema builder, from the ground up. */
const features = [
  'audit',
  'transparency',
  'applications',
  'api-keys',
  'environments',
  'targeting',
  'flags',
  'schedules',
  'flagd',
  'service',
];
/** From the ground up: a folder imports from those before it. */
const floors = [
  ...['kernel', 'verify', 'process', 'access', 'database', 'http', 'graphql'],
  ...features,
  ...['catalogue', 'schemas', 'config', 'compose', 'cli', 'main.ts'],
];
const floorOf = (folder: string): number => floors.indexOf(folder);

/** Wings are all built alike. What they share knows no feature; what stands on top puts them together. */
const wings = ['access', ...features];
const isWing = (folder: string): boolean => wings.includes(folder);
/** Two wings that stand beside each other. */
const areApart = (one: string, other: string): boolean => one === 'api-keys' && other === 'applications';

/** What a room of a wing may import: rooms of its own wing, and of those beneath. */
const rooms: Record<string, readonly string[]> = {
  model: ['model'],
  ports: ['model', 'ports'],
  commands: ['model', 'ports', 'commands'],
  // How the audit wing takes an event in, keeps its order, and hands it on.
  entry: ['model', 'ports', 'entry'],
  log: ['model', 'ports', 'log'],
  spool: ['model', 'ports', 'spool'],
  sinks: ['model', 'ports', 'sinks'],
  // How checkpoints are signed and kept, and how the tree is served.
  signing: ['model', 'ports', 'commands', 'signing'],
  http: ['model', 'ports', 'commands', 'http'],
  worker: ['model', 'commands', 'worker'],
  authentication: ['model', 'ports', 'commands', 'authentication'],
  // A process that announces itself, and what it logs of the others.
  heartbeat: ['model', 'commands', 'heartbeat'],
  jwt: ['model', 'jwt'],
  store: ['model', 'ports', 'commands', 'store'],
  graphql: ['model', 'ports', 'commands', 'log', 'graphql'],
};

/** Rooms that compute: what they know of the world outside comes in as an argument. */
const packagesOf: Record<string, readonly string[]> = {
  // What a targeting rule means is flagd's to say: its evaluator is a rule, as pure as the rest.
  model: ['zod', 'canonicalize', 'uuid', '@openfeature/flagd-core'],
  ports: [],
  commands: [],
};

/** Beneath every wing, for the rooms that do not compute. */
const shared: Record<string, readonly string[]> = {
  store: ['database', 'generated'],
  graphql: ['graphql', 'http', 'generated'],
  http: ['http'],
};

type Place = { folder: string; room: string | null };
const placeOf = (file: string): Place => {
  const [, folder = '', room = '', more] = file.split('/');
  return { folder, room: more === undefined ? null : room };
};

const isAllowed = ({ file, target, isPackage }: Import): boolean => {
  const from = placeOf(file);
  const inRoom = isWing(from.folder) && from.room !== null;
  if (isPackage) {
    if (from.folder === 'client') return ['uuid', 'zod'].includes(target);
    if (from.folder === 'schemas') return target === 'zod';
    if (from.folder === 'verify') return target.startsWith('node:');
    const packages = inRoom ? packagesOf[from.room ?? ''] : undefined;
    return packages === undefined || packages.includes(target);
  }
  if (!target.startsWith('src/')) return false;
  const to = placeOf(target);
  // Applications import it: nothing of the service comes with it.
  if (from.folder === 'client') return to.folder === 'client';
  // It judges the rest, so it shares no code with it.
  if (from.folder === 'verify') return to.folder === 'verify';
  if (to.folder === 'kernel') return true;
  if (to.folder === 'generated') return !inRoom || from.room === 'store' || from.room === 'graphql';
  // Frontends import it: what the rules say of their data, and nothing else.
  if (from.folder === 'schemas') return to.folder === 'schemas' || to.room === 'model' || to.folder === 'catalogue';
  if (floorOf(to.folder) > floorOf(from.folder) || areApart(from.folder, to.folder)) return false;
  if (!inRoom || !from.room) return true;
  if (shared[from.room]?.includes(to.folder)) return true;
  if (!isWing(to.folder)) return to.folder === 'process' && !['model', 'ports', 'commands'].includes(from.room);
  return to.room !== null && (rooms[from.room]?.includes(to.room) ?? false);
};

const sources = readSources('src');
const imports = [...sources].flatMap(([file, code]) => importsOf(file, code));

describe('imports', () => {
  it('go downwards, from wing to wing and from room to room, types included', () => {
    const upwards = imports.filter((one) => !isAllowed(one)).map(({ file, target }) => `${file} → ${target}`);
    expect(upwards).toEqual([]);
  });

  it('never go in a circle, types included', () => {
    expect(circlesOf(imports)).toEqual([]);
  });

  it('have a floor for every folder of src and a rule for every room, and every file of a wing is in a room', () => {
    const places = [...sources.keys()].map(placeOf);
    const floorless = places.map(({ folder }) => folder).filter((folder) => floorOf(folder) < 0);
    expect([...new Set(floorless)].filter((folder) => !['client', 'generated'].includes(folder))).toEqual([]);
    const unruled = places.filter(({ folder, room }) => isWing(folder) && (room === null || !(room in rooms)));
    expect(unruled).toEqual([]);
  });

  it('are found in every form that they can take', () => {
    const code = `
      import a from 'a';
      import type { B } from '@scope/b/deep.js';
      import {
        c,
      } from '../commands/c.ts';
      export * from './d.ts';
      import 'e';
      const f = await import('node:f');
      const g = await import(\`node:g\`);
      declare module '../graphql/h.ts' {}
      export const g = 1; // from 'not-this'
    `;
    expect(importsOf('src/flags/model/x.ts', code).map(({ target }) => target)).toEqual([
      'a',
      '@scope/b',
      'src/flags/commands/c.ts',
      'src/flags/model/d.ts',
      'e',
      'node:f',
      'node:g',
      'src/flags/graphql/h.ts',
    ]);
  });

  it('that go round in a circle are found', () => {
    const from = (file: string, target: string) => ({ file, target, isPackage: false, isTypeOnly: true });
    expect(circlesOf([from('a', 'b'), from('b', 'c'), from('c', 'b'), from('c', 'd')])).toEqual(['b → c → b']);
  });
});

it('the environment is read in src/main.ts only', () => {
  const readers = [...sources].filter(([, code]) =>
    /\bprocess\s*(\.\s*env\b|\[\s*['"]env)|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(code),
  );
  expect(readers.map(([file]) => file).filter((file) => file !== 'src/main.ts')).toEqual([]);
});

function circlesOf(found: readonly Import[]): string[] {
  const graph = Map.groupBy(
    found.filter(({ isPackage }) => !isPackage),
    ({ file }) => file,
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) circles.push([...trail.slice(at), file].join(' → '));
    if (at >= 0 || done.has(file)) return;
    for (const { target } of graph.get(file) ?? []) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return circles;
}
