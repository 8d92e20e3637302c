import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/**
 * A file that is made once and sent to everybody unchanged. It is in memory once, however many clients read it, and however
 * slowly.
 */
export type StaticFile = { type: string; etag: string; plain: Buffer; gzipped: Buffer | null };

export const makeStaticFile = async (
  content: string | Buffer,
  type: string,
  { compressed = true }: { compressed?: boolean } = {},
): Promise<StaticFile> => {
  const plain = typeof content === 'string' ? Buffer.from(content) : content;
  // A weak tag, because the compressed bytes have the same one.
  const etag = `W/"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
  return { type, etag, plain, gzipped: compressed ? await promisify(gzip)(plain) : null };
};

/** Whether the client can read gzip. */
export const acceptsGzip = (headers: IncomingMessage['headers']): boolean =>
  /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(headers['accept-encoding'] ?? ''));

/** Answers with the file, or with 304 if the client already has it. */
export const sendStaticFile = (
  { headers }: IncomingMessage,
  response: ServerResponse,
  { file, cacheControl, vary = [] }: { file: StaticFile; cacheControl: string; vary?: readonly string[] },
): void => {
  response.setHeader('cache-control', cacheControl);
  response.setHeader('etag', file.etag);
  response.setHeader('vary', ['accept-encoding', ...vary].join(', '));
  if (headers['if-none-match']?.includes(file.etag)) return void response.writeHead(304).end();
  const gzipped = acceptsGzip(headers) ? file.gzipped : null;
  if (gzipped) response.setHeader('content-encoding', 'gzip');
  const body = gzipped ?? file.plain;
  response.writeHead(200, { 'content-type': file.type, 'content-length': body.length }).end(body);
};
