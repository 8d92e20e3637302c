import { CouldNotCheck, Unreachable } from './outcome.ts';
import { largestOf } from './tile-paths.ts';
import type { ReadFile } from './tiles-source.ts';

type Server = {
  url: string;
  token: string | null;
  fetch: typeof fetch;
  timeoutMs: number;
  wait: (ms: number) => Promise<void>;
};

/** How long to wait before asking again, each time. */
const pausesMs = [200, 1000, 3000];

const later = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Reads the layout from a server, below `<url>/log/`. */
export const readFromServer = ({ url, token, fetch, timeoutMs, wait }: Server): ReadFile => {
  const base = `${url.replace(/\/+$/, '')}/log/`;
  let disclosesNothing = false;
  const readOnce: ReadFile = async (path) => {
    const isOptional = path.startsWith('disclosures/');
    if (isOptional && disclosesNothing) return null;
    const response = await fetch(base + path, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error) => {
      throw new Unreachable(`${base + path} does not answer: ${causeOf(error)}`);
    });
    if (response.ok) return readBody(response, base + path, largestOf(path));
    await response.body?.cancel();
    if (response.status === 404) return null;
    const isRefused = response.status === 401 || response.status === 403;
    if (isRefused && isOptional) {
      disclosesNothing = true;
      return null;
    }
    if (isRefused)
      throw new CouldNotCheck(
        `${base + path} answers ${response.status}: give the token of an auditor with --token or FLAGTRAIL_TOKEN`,
      );
    const Problem = later.has(response.status) ? Unreachable : CouldNotCheck;
    throw new Problem(`${base + path} answers ${response.status}`);
  };
  return async (path) => {
    for (const pauseMs of pausesMs) {
      try {
        return await readOnce(path);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        await wait(pauseMs);
      }
    }
    return readOnce(path);
  };
};

const readBody = async (response: Response, url: string, largest: number): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > largest) throw new CouldNotCheck(`${url} sends more than ${largest} bytes, which no such file has`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof CouldNotCheck ? error : new Unreachable(`${url} broke off: ${causeOf(error)}`);
  }
  return Buffer.concat(chunks);
};

const causeOf = (error: unknown): string => {
  const { message, cause } = error instanceof Error ? error : new Error(String(error));
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
};

/** Reads the layout from a folder; `readFile` throws Node's errors, and one for a file that is larger than `largest` or none. */
export const readFromFolder =
  (folder: string, readFile: (path: string, largest: number) => Promise<Buffer>): ReadFile =>
  (path) =>
    readFile(`${folder}/${path}`, largestOf(path)).catch((error) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
      throw new CouldNotCheck(`${folder}/${path} cannot be read: ${error.message}`);
    });
