import { createHash } from 'node:crypto';
import type { GraphiQLOptions } from 'graphql-yoga';
import { installShorthand } from './graphiql-shorthand.ts';
import { makeStaticFile, type StaticFile } from './static-file.ts';

/** GraphiQL's options, with one that its types lack: the page's script passes it to the websocket client. */
export type PageOptions = GraphiQLOptions & { connectionParams?: { authorization: string } };

export type GraphiQLFiles = {
  /** The files that the page loads, by name. A name always stands for the same bytes, so browsers can cache them for ever. */
  files: ReadonlyMap<string, StaticFile>;
  /** Makes the page itself. It is small, and loads nothing from other hosts. */
  render: (options: PageOptions, note: string | null) => string;
};

/** Leaves room for a note above GraphiQL, which would otherwise take the whole height. */
const layout = `
body { display: flex; flex-direction: column; height: 100vh; margin: 0; }
#root { flex: 1; min-height: 0; }
#note { background: #fff3bf; color: #212529; font: 15px/1.5 system-ui, sans-serif; margin: 0; padding: 8px 16px; }
#root .graphiql-container { height: 100%; }
`;

/**
 * Makes GraphiQL's page from the parts of its package. The package's own renderer writes all of them, 9 MB, into every answer.
 * The parts are imported here and not at the top, so that a service without the page does not load them.
 */
export const makeGraphiQLFiles = async (): Promise<GraphiQLFiles> => {
  const { js, css, favicon, ...workers } = await import('@graphql-yoga/render-graphiql/graphiql');
  const blobs = { editorWorkerService: workers.editorWorkerService, json: workers.jsonWorker, graphql: workers.graphqlWorker };
  const script = `(${installShorthand})();
(${forgetCode})();
const workerOf = (text) => URL.createObjectURL(new Blob([text], { type: 'application/javascript' }));
const workers = {${Object.entries(blobs).map(([label, text]) => `${label}: workerOf(${JSON.stringify(text)})`)}};
self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_module, label) => workers[label] };
${js};
const options = JSON.parse(document.querySelector('#options').textContent);
YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), options);
`;
  const named = await Promise.all([
    nameFile(script, 'js', 'text/javascript; charset=utf-8'),
    nameFile(css + layout, 'css', 'text/css; charset=utf-8'),
    nameFile(Buffer.from(favicon.slice(favicon.indexOf(',') + 1), 'base64'), 'ico', 'image/x-icon'),
  ]);
  const [scriptName, styleName, iconName] = named.map(([name]) => name);
  // Paths are relative to the page, so that it also works behind a proxy that adds a prefix.
  const render: GraphiQLFiles['render'] = (options, note) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Flagtrail</title>
    <link rel="icon" href="graphql/${iconName}">
    <link rel="stylesheet" href="graphql/${styleName}">
  </head>
  <body class="no-focus-outline">
    <noscript>GraphiQL needs JavaScript.</noscript>
${note === null ? '' : `    <p id="note" role="note">${note}</p>\n`}    <div id="root"></div>
    <script type="application/json" id="options">${JSON.stringify(options).replaceAll('<', '\\u003c')}</script>
    <script src="graphql/${scriptName}"></script>
  </body>
</html>
`;
  return { files: new Map(named), render };
};

/** Runs in the page. It removes the sign-in code from the address bar and from the browser's history. */
const forgetCode = (): void => {
  const address = new URL(location.href);
  if (!address.searchParams.has('code')) return;
  address.searchParams.delete('code');
  history.replaceState(null, '', address);
};

/** All file names start with this, so that requests for them are recognised even before the files are made. */
export const fileNamePrefix = 'graphiql-';

const nameFile = async (content: string | Buffer, extension: string, type: string): Promise<[string, StaticFile]> => {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return [`${fileNamePrefix}${hash}.${extension}`, await makeStaticFile(content, type)];
};
