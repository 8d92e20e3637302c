import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { exampleTabs } from './graphiql-examples.ts';
import { fileNamePrefix, type GraphiQLFiles, makeGraphiQLFiles, type PageOptions } from './graphiql-files.ts';
import type { PageSignIn } from './page-sign-in.ts';
import { pathOf } from './request-context.ts';
import { makeStaticFile, type StaticFile, sendStaticFile } from './static-file.ts';

type Deps = {
  /** Signs browsers in. Null if people must enter their own token. */
  signIn: PageSignIn | null;
  /** The note above GraphiQL on a page that is not signed in, as HTML. */
  note: string | null;
  logger: Pick<Logger, 'error'>;
};

/** Answers a request for GraphiQL's page or one of its files. Returns false if the request is for something else. */
export type ServeGraphiQL = (request: IncomingMessage, response: ServerResponse) => boolean;

const pagePath = '/graphql';
const filesPath = `${pagePath}/${fileNamePrefix}`;

/** GraphiQL's options with the example operations, and with a token if the page is signed in. */
export const pageOptions = (token: string | null): PageOptions => {
  const headers = JSON.stringify({ authorization: `Bearer ${token ?? ''}` }, null, 2);
  return {
    title: 'Flagtrail',
    defaultTabs: exampleTabs.map((tab) => ({ ...tab, headers })),
    headers,
    defaultHeaders: headers,
    // Do not keep the token in the browser's storage, where it would outlive the key that signed it.
    shouldPersistHeaders: false,
    credentials: 'same-origin',
    defaultEditorToolsVisibility: 'variables',
    // A websocket of a browser sends no headers, and GraphiQL does not pass on those of its headers editor. So a signed-in page
    // gives its own token to the socket, and a page that is not signed in runs subscriptions over HTTP.
    ...(token
      ? { subscriptionsProtocol: 'WS', connectionParams: { authorization: `Bearer ${token}` } }
      : { subscriptionsProtocol: 'SSE' }),
  };
};

/**
 * Serves GraphiQL's page to browsers. Strangers cannot use it to cause work: they all get the same page, which is made once, at
 * the first request, and a browser that has it gets a 304. Only a signed-in browser gets a page of its own.
 */
export const makeServeGraphiQL = ({ signIn, note, logger }: Deps): ServeGraphiQL => {
  type Made = GraphiQLFiles & { unsigned: StaticFile };
  let made: Promise<Made> | null = null;
  const make = async (): Promise<Made> => {
    const parts = await makeGraphiQLFiles();
    return { ...parts, unsigned: await makeStaticFile(parts.render(pageOptions(null), note), 'text/html; charset=utf-8') };
  };
  const parts = () => (made ??= make());

  const sendPage = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const accepted = await signIn?.accept(request);
    const { render, unsigned } = await parts();
    if (accepted) {
      const { token, cookie } = accepted;
      // The address can contain the sign-in code. The page's script removes it; until then it must not be sent as a referrer.
      const headers = { 'content-type': 'text/html; charset=utf-8', 'referrer-policy': 'no-referrer' };
      return void response
        .writeHead(200, { ...headers, ...(cookie && { 'set-cookie': cookie }) })
        .end(render(pageOptions(token), null));
    }
    // Browsers revalidate the page each time, because signing in changes it. Mostly the answer is a 304.
    sendStaticFile(request, response, { file: unsigned, cacheControl: 'no-cache', vary: ['accept', 'cookie'] });
  };

  const sendFile = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { files } = await parts();
    const file = files.get(pathOf(request).slice(pagePath.length + 1));
    if (!file) return void response.writeHead(404).end();
    sendStaticFile(request, response, { file, cacheControl: 'public, max-age=31536000, immutable' });
  };

  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    const path = pathOf(request);
    const isPage = path === pagePath && request.headers.accept?.includes('text/html');
    if (!isPage && !path.startsWith(filesPath)) return false;
    const send = isPage ? sendPage : sendFile;
    send(request, response).catch((error) => {
      logger.error({ err: error }, "GraphiQL's page could not be made");
      response.writeHead(500).end();
    });
    return true;
  };
};
