import type { Plugin } from 'graphql-yoga';

/** What a GET says in JSON, beside its query. */
const jsonParameters = ['variables', 'extensions'];

/**
 * A browser sends urlencoded, multipart and plain-text bodies to other sites without asking first; JSON it does not. So
 * only JSON may be posted. And what a GET says in JSON must be JSON: Yoga takes anything else for a fault of ours.
 */
export const useJsonRequests = (): Plugin => ({
  onRequest: ({ request, endResponse, fetchAPI }) => {
    const refuse = (status: number, code: string, message: string) => {
      const body = JSON.stringify({ errors: [{ message, extensions: { code } }] });
      endResponse(new fetchAPI.Response(body, { status, headers: { 'content-type': 'application/json; charset=utf-8' } }));
    };
    if (request.method === 'GET') {
      const { searchParams } = new URL(request.url);
      const wrong = jsonParameters.find((name) => !isJsonObjectOrNull(searchParams.get(name) || 'null'));
      if (wrong) refuse(400, 'BAD_USER_INPUT', `${wrong} in the URL is not a JSON object: write it like {"key":"checkout-v2"}`);
    }
    if (request.method !== 'POST') return;
    const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type === 'application/json' || type === 'application/graphql+json') return;
    refuse(415, 'UNSUPPORTED_MEDIA_TYPE', `content-type is ${type ? `'${type}'` : 'missing'}: it must be application/json`);
  },
});

const isJsonObjectOrNull = (text: string): boolean => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value);
  } catch {
    return false;
  }
};
