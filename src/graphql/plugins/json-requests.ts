import type { Plugin } from 'graphql-yoga';

/**
 * A browser sends urlencoded, multipart and plain-text bodies to other sites without asking first; JSON it does not. So
 * only JSON may be posted.
 */
export const useJsonRequests = (): Plugin => ({
  onRequest: ({ request, endResponse, fetchAPI }) => {
    if (request.method !== 'POST') return;
    const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type === 'application/json' || type === 'application/graphql+json') return;
    const message = `content-type is ${type ? `'${type}'` : 'missing'}: it must be application/json`;
    endResponse(
      new fetchAPI.Response(JSON.stringify({ errors: [{ message, extensions: { code: 'UNSUPPORTED_MEDIA_TYPE' } }] }), {
        status: 415,
        headers: { 'content-type': 'application/json; charset=utf-8' },
      }),
    );
  },
});
