import { createSecretKey } from 'node:crypto';

/** What an answer over HTTP says, whatever its body is. */
export const request = async (url: string, init: RequestInit = {}) => {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  const body = text && response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : null;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body,
    code: body?.errors?.[0]?.extensions?.code as string | undefined,
  };
};

export const json = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** The secret of an AUTH_SECRET setting. */
export const secretOf = (text: string) => createSecretKey(Buffer.from(text));
