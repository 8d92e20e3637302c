import type { Plugin } from 'graphql-yoga';

/** The parameters of a GET that are JSON. */
const jsonParameters = ['variables', 'extensions'];

/**
 * Accepts only JSON in a POST. Browsers send urlencoded, multipart and plain-text bodies to other sites without a preflight
 * request, but not JSON. It also checks the JSON parameters of a GET, because Yoga reports invalid ones as internal errors.
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
