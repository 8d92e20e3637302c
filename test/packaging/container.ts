import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { atTestEnd } from '../support/at-test-end.ts';
import { commandOf, lastOf } from './dockerfile.ts';
import { type Built, environmentOf, isRoot } from './image.ts';

type Settings = Record<string, string>;

/** `docker run` without Docker: the image's own commands, as the image's user, with the image's variables and these. */
export const makeContainers = (image: Built, settings: Settings) => {
  const [uid, gid] = lastOf(image.stage, 'USER').split(':').map(Number);
  const options = (more: Settings) => ({
    cwd: image.workdir,
    env: { ...environmentOf(image), ...settings, ...more },
    // Only root can become somebody else; anybody else has to do.
    ...(isRoot && { uid, gid }),
  });
  const entrypoint = commandOf(image.stage, 'ENTRYPOINT');

  /** Runs a command to its end. */
  const run = ([file = '', ...args]: readonly string[], more: Settings) =>
    new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
      execFile(file, args, options(more), (error, out, err) => resolve({ code: error ? error.code : 0, out, err }));
    });

  return {
    /** `docker run --rm image <args>`. */
    run: (args: readonly string[], more: Settings = {}) => run([...entrypoint, ...args], more),
    /** `docker run --detach image <args>`; without arguments, what the image starts. Killed when the test is over. */
    start: (args: readonly string[] = commandOf(image.stage, 'CMD'), more: Settings = {}) => {
      const [file = '', ...rest] = [...entrypoint, ...args];
      const child = spawn(file, rest, { ...options(more), stdio: ['ignore', 'pipe', 'pipe'] });
      let written = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          written += chunk;
        });
      }
      const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal, written }));
      atTestEnd(async () => {
        child.kill('SIGKILL');
        await exited;
      });
      return {
        /** The exit code of the image's health check, inside of this container. */
        checkHealth: async () => (await run(commandOf(image.stage, 'HEALTHCHECK'), more)).code,
        /** `docker stop`; resolves with how it ended, and all that it wrote. */
        stop: () => {
          child.kill(lastOf(image.stage, 'STOPSIGNAL') as NodeJS.Signals);
          return exited;
        },
      };
    },
  };
};
