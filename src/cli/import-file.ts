import { readFileSync, statSync } from 'node:fs';
import { type ImportedFlag, readFlagdDocument } from '../flagd/model/flagd-import.ts';
import { ValidationError } from '../kernel/errors.ts';
import type { Json } from '../kernel/json.ts';
import { onOneLine } from './plain.ts';

/** The file is in memory several times over. */
const maxMegabytes = 32;
const maxFlags = 20_000;

type Options = {
  /** Called for each flag that is read, with the total. Reading waits for it. */
  onRead: (done: number, total: number) => Promise<void>;
  signal: AbortSignal;
};

/**
 * Reads the flags of a flagd document (JSON); null if the signal aborts it. Throws an Error if the file cannot be read or is
 * larger than 32 MiB or 20,000 flags, and a ValidationError for errors in its content.
 */
export const readImportFile = async (file: string, { onRead, signal }: Options): Promise<ImportedFlag[] | null> => {
  const document = parseJson(readText(file), file);
  const total = countFlags(document);
  if (total > maxFlags) throw new Error(`${file} has ${total} flags: at most ${maxFlags} can be imported at once`);
  const steps = readFlagdDocument(document);
  let done = 0;
  let step = steps.next();
  while (!step.done) {
    await onRead(++done, total);
    if (signal.aborted) return null;
    step = steps.next();
  }
  const { flags, issues } = step.value;
  if (issues.length > 0) throw new ValidationError(issues);
  return flags;
};

const countFlags = (document: Json): number => {
  const flags = typeof document === 'object' && !Array.isArray(document) ? document?.flags : null;
  return typeof flags === 'object' ? Object.keys(flags ?? {}).length : 0;
};

const readText = (file: string): string => {
  try {
    refuseTooLarge(file, statSync(file).size);
    const content = readFileSync(file);
    // The size of a pipe is known only now.
    refuseTooLarge(file, content.length);
    return content.toString('utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    if (error instanceof TooLargeError) throw error;
    throw new Error(`${onOneLine(file)} cannot be read: ${messageOf(error)}`, { cause: error });
  }
};

class TooLargeError extends Error {}

const refuseTooLarge = (file: string, bytes: number): void => {
  if (bytes <= maxMegabytes * 1024 * 1024) return;
  throw new TooLargeError(
    `${file} has ${Math.ceil(bytes / 1024 / 1024)} MiB: at most ${maxMegabytes} MiB can be imported at once`,
  );
};

const parseJson = (content: string, file: string): Json => {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new Error(`${onOneLine(file)} is not JSON: ${messageOf(error)}`, { cause: error });
  }
};

/** On one line, because the parser quotes the file. */
const messageOf = (error: unknown): string => onOneLine(error instanceof Error ? error.message : String(error));
