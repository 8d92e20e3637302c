import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { exampleTabs } from './graphiql-examples.ts';
import { fileNamePrefix, type GraphiQLFiles, makeGraphiQLFiles, type PageOptions } from './graphiql-files.ts';
import type { PageSignIn } from './page-sign-in.ts';
import { pathOf } from './request-context.ts';
import { makeStaticFile, type StaticFile, sendStaticFile } from './static-file.ts';

type Deps = {
  /** Signs browsers in; null: people bring their own token. */
  signIn: PageSignIn | null;
  /** What a page that is not signed in says above GraphiQL, as HTML. */
  note: string | null;
  logger: Pick<Logger, 'error'>;
};

/** Answers a request for GraphiQL's page or one of its files; false where the request is for something else. */
export type ServeGraphiQL = (request: IncomingMessage, response: ServerResponse) => boolean;

const pagePath = '/graphql';
const filesPath = `${pagePath}/${fileNamePrefix}`;

/** GraphiQL's options, with example operations, and with a token where the page is signed in. */
export const pageOptions = (token: string | null): PageOptions => {
  const headers = JSON.stringify({ authorization: `Bearer ${token ?? ''}` }, null, 2);
  return {
    title: 'Flagtrail',
    defaultTabs: exampleTabs.map((tab) => ({ ...tab, headers })),
    headers,
    defaultHeaders: headers,
    // A token must not stay in the browser's storage: it would outlive the key that signed it.
    shouldPersistHeaders: false,
    credentials: 'same-origin',
    defaultEditorToolsVisibility: 'variables',
    // A browser's socket sends no headers, and the page's script gives it none from the headers editor either. So a page that
    // is signed in gives its own token to the socket, and one that is not follows subscriptions over HTTP instead.
    ...(token
      ? { subscriptionsProtocol: 'WS', connectionParams: { authorization: `Bearer ${token}` } }
      : { subscriptionsProtocol: 'SSE' }),
  };
};

/**
 * GraphiQL's page, for browsers. To strangers it costs nothing: it is the same for all of them, made once, at the first
 * request, and a browser that has it is told so. Only a browser that is signed in gets a page of its own.
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
      // The address may have the code: the page's script takes it out, and until then it must not be a referrer.
      const headers = { 'content-type': 'text/html; charset=utf-8', 'referrer-policy': 'no-referrer' };
      return void response
        .writeHead(200, { ...headers, ...(cookie && { 'set-cookie': cookie }) })
        .end(render(pageOptions(token), null));
    }
    // Asked for anew each time, because signing in changes the page; mostly answered in a few bytes.
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
