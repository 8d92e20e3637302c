import { readFileSync } from 'node:fs';

/** Options with which Node records what it does with files. It writes the trace when its process ends by itself. */
export const tracingFiles = (traceFile: string): string[] => [
  '--trace-event-categories=node.fs.sync,node.fs.async',
  `--trace-event-file-pattern=${traceFile}`,
];

type TraceEvent = { name: string; ph: string; ts: number };

/** The completed calls of the file system, in the order in which they ended: `open`, `fsync`, `rename`, and so on. */
export const readFileTrace = (traceFile: string): string[] => {
  const { traceEvents } = JSON.parse(readFileSync(traceFile, 'utf8')) as { traceEvents: TraceEvent[] };
  return traceEvents
    .filter(({ ph }) => ph.toLowerCase() === 'e')
    .toSorted((a, b) => a.ts - b.ts)
    .map(({ name }) => name.replace('fs.sync.', ''));
};
