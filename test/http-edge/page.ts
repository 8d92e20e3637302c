import http from 'node:http';
import type { TestService } from '../support/service.ts';

/** A JWT, wherever it stands. */
export const aToken = /eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/;

type Asked = { path?: string; method?: string; headers?: Record<string, string> };

/** Asks for GraphiQL's page as a browser does; `fetch` would not let its caller choose a Host. Redirects are not followed. */
export const openPage = ({ url }: Pick<TestService, 'url'>, { path = '/graphql', method = 'GET', headers = {} }: Asked = {}) =>
  new Promise<{ status: number; headers: http.IncomingHttpHeaders; bytes: Buffer; text: string }>((resolve, reject) => {
    const options = { method, headers: { accept: 'text/html', ...headers } };
    const asked = http.request(`${url.replace('0.0.0.0', '127.0.0.1')}${path}`, options).end();
    asked.on('error', reject).on('response', async (response) => {
      const bytes = Buffer.concat(await response.toArray());
      resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, text: bytes.toString() });
    });
  });

/** Opens the address with the code, and gives back the cookie that a browser would send from then on. */
export const signIn = async (service: TestService) => {
  const answer = await openPage(service, { path: `/graphql?code=${service.welcome()?.pageCode}` });
  return answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
};
