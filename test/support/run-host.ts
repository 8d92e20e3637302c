import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What the tests of a run share. Each part is made when the first test asks for it. */
const sharedThings = ['postgres', 'pglite'] as const;
export type SharedThing = (typeof sharedThings)[number];

type Made = {
  /** `postgres`: the superuser's URL of the server, without the name of a database. `pglite`: the folder of its templates. */
  where: string;
  /** Says how to reach the data that is kept, if there is a way. */
  remove(options: { keep: boolean }): Promise<string | undefined>;
};

/**
 * Answers the workers of a run: `GET` returns where a shared part is; `POST` keeps everything, and prints the reason at the end.
 */
export const startRunHost = async () => {
  const made = new Map<string, Promise<Made>>();
  const kept: string[] = [];
  const make = (thing: string): Promise<Made> => {
    const making = made.get(thing) ?? (thing === 'postgres' ? makePostgres() : makePGliteTemplates());
    made.set(thing, making);
    return making;
  };
  const listener = createServer(async (request, response) => {
    try {
      if (request.method === 'POST') kept.push(await text(request));
      const thing = sharedThings.find((name) => request.url === `/${name}`);
      response.end(thing && (await make(thing)).where);
    } catch (error) {
      response.writeHead(500).end(error instanceof Error ? error.stack : String(error));
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    stop: async () => {
      listener.close();
      listener.closeAllConnections();
      const keep = kept.length > 0;
      for (const making of await Promise.allSettled(made.values())) {
        if (making.status === 'fulfilled') kept.push((await making.value.remove({ keep })) ?? '');
      }
      if (keep) process.stderr.write(`\n${kept.join('')}`);
    },
  };
};

// In separate processes without Vite: that is half the work, and the process that serves the workers goes on.
const runScript = async (name: string, ...args: string[]): Promise<void> => {
  const script = fileURLToPath(new URL(name, import.meta.url));
  await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args]);
};

/** A server with one migrated database to copy. */
const makePostgres = async (): Promise<Made> => {
  const { startPostgresServer } = await import('./postgres-server.ts');
  const server = await startPostgresServer({ isThrownAway: true });
  const remove: Made['remove'] = async ({ keep }) => {
    await server.stop({ keepData: keep });
    return keep ? `Start their server again with:\n  ${server.startCommand}\n` : undefined;
  };
  try {
    await runScript('make-postgres-template.ts', server.baseUrl);
    return { where: server.baseUrl, remove };
  } catch (error) {
    await remove({ keep: false });
    throw error;
  }
};

const makePGliteTemplates = async (): Promise<Made> => {
  const { openGuardedFolder } = await import('./guarded-folder.ts');
  const { folder, remove } = openGuardedFolder('flagtrail-pglite-');
  try {
    await runScript('make-pglite-templates.ts', folder);
    return { where: folder, remove: async () => remove() };
  } catch (error) {
    remove();
    throw error;
  }
};
