import type { IncomingMessage } from 'node:http';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import type { GraphiQLOptions } from 'graphql-yoga';
import { isLoopback } from '../loopback.ts';
import { exampleTabs } from './graphiql-examples.ts';
import { installShorthand } from './graphiql-shorthand.ts';
import { isFromThisMachine } from './request-context.ts';

type Deps = {
  /** Makes a token for the page; null: people bring their own. */
  mintToken: (() => Promise<string>) | null;
};

/** What the page's renderer hands to its websocket client, though its types do not say so. */
type PageOptions = GraphiQLOptions & { connectionParams?: { authorization: string } };

/** The host that the browser asked for, without its port; empty where it did not say. */
const hostOf = ({ headers }: Request): string => {
  const address = `http://${headers.get('host')}/`;
  return headers.get('host') && URL.canParse(address) ? new URL(address).hostname : '';
};

/**
 * GraphiQL's options, with example operations. They carry a token only where `mintToken` is given, and then only when the
 * browser is on this machine, with no proxy between that might serve others, and asked for a loopback host: a foreign name
 * that resolves to this machine (DNS rebinding) gets a page without.
 */
export const makeGraphiQLPage =
  ({ mintToken }: Deps) =>
  async (request: Request, { req }: { req: IncomingMessage }): Promise<PageOptions> => {
    const token = mintToken && isLoopback(hostOf(request)) && isFromThisMachine(req) ? await mintToken() : null;
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
      // A browser's socket sends no headers, and the renderer gives it none from the headers editor either. So a page that
      // is signed in gives its own token to the socket, and one that is not follows subscriptions over HTTP instead.
      ...(token
        ? { subscriptionsProtocol: 'WS', connectionParams: { authorization: `Bearer ${token}` } }
        : { subscriptionsProtocol: 'SSE' }),
    };
  };

/** GraphiQL's page, whole: it loads nothing from elsewhere. Throws where the renderer's page is not as this code knows it. */
export const renderGraphiQLPage = (options?: GraphiQLOptions): string => {
  const page = renderGraphiQL(options);
  const headEnd = page.indexOf('</title>');
  if (headEnd < 0) throw new Error("GraphiQL's page has no title, after which its script could stand");
  const at = headEnd + '</title>'.length;
  return `${page.slice(0, at)}<script>(${installShorthand})();</script>${page.slice(at)}`;
};
