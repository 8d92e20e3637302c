import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ValidationError } from '../domain/errors.ts';
import { fromFlagdDocument, type ImportedFlag } from '../domain/flagd/flagd-import.ts';
import { gatesAt, gateToFlag, parseGates } from '../domain/flags/kubernetes-gates.ts';
import type { Json } from '../domain/json.ts';

export const importFormats = ['flagd', 'kubernetes'] as const;
export type ImportFormat = (typeof importFormats)[number];

/** The format that a file's name tells; null where it tells none. */
export const guessFormat = (file: string): ImportFormat | null =>
  ({ '.json': 'flagd' as const, '.csv': 'kubernetes' as const })[path.extname(file).toLowerCase()] ?? null;

/**
 * The flags that a file defines: a flagd document (JSON), or Kubernetes' feature gates (CSV) as they are at a version (null:
 * the newest). Throws an Error that says why it cannot be read, and a ValidationError for what is wrong with its content.
 */
export const readImportFile = (file: string, format: ImportFormat, at: string | null): ImportedFlag[] => {
  const content = readText(file);
  if (format === 'kubernetes') {
    const { changes, issues } = parseGates(content);
    if (issues.length > 0) throw new ValidationError(issues);
    return gatesAt(changes, at).map(gateToFlag);
  }
  const { flags, issues } = fromFlagdDocument(parseJson(content, file));
  if (issues.length > 0) throw new ValidationError(issues);
  return flags;
};

const readText = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new Error(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
};

const parseJson = (content: string, file: string): Json => {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new Error(`${file} is no JSON: ${messageOf(error)}`, { cause: error });
  }
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
