import { execFile } from 'node:child_process';
import { constants, globSync } from 'node:fs';
import { chmod, chown, cp, link, mkdir, readFile, realpath, rename, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeIsIgnored, pairsOf, parseDockerfile, type Stage } from './dockerfile.ts';

export const repository = path.resolve(import.meta.dirname, '../..');
export const isRoot = process.getuid?.() === 0;

/** A file system that the instructions of a stage have made, below a folder of this machine. */
export type Built = { stage: Stage; root: string; workdir: string };

/** What npm may need from this machine: its cache, its settings, a proxy. Without npm's own variables, which name this package. */
const passedOn = /^(HOME|.*_proxy|NODE_EXTRA_CA_CERTS|npm_config_(registry|cache|userconfig))$/i;

/**
 * Does what the Dockerfile says without Docker, in a folder for each stage, and returns what the last stage holds. Two things
 * differ. The base image is this machine's Node and npm at their places. Where a stage installs what development needs, it
 * gets this repository's `node_modules`, and the script that npm runs after an install.
 */
export const buildImage = async (folder: string): Promise<Built> => {
  const stages = parseDockerfile(await readFile(path.join(repository, 'Dockerfile'), 'utf8'));
  const context = path.join(folder, 'context');
  await copyContext(context);
  const building = new Map<string, Promise<Built>>();
  // All at once, as Docker does: whoever copies from another stage waits for it.
  for (const stage of stages) {
    const root = path.join(folder, stage.name);
    const sourceOf = async (from?: string) => (from === undefined ? context : ((await building.get(from))?.root ?? ''));
    building.set(stage.name, buildStage(stage, { root, sourceOf }));
  }
  const built = await Promise.all(building.values());
  const last = built.at(-1);
  if (!last) throw new Error('the Dockerfile has no stage');
  return last;
};

/** What .dockerignore lets Docker see of the repository. */
const copyContext = async (context: string): Promise<void> => {
  const isIgnored = makeIsIgnored(await readFile(path.join(repository, '.dockerignore'), 'utf8'));
  const files = globSync('**/*', { cwd: repository, exclude: ['node_modules', 'data', 'dist'], withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(repository, path.join(entry.parentPath, entry.name)))
    .filter((file) => !isIgnored(file));
  for (const file of files) {
    await mkdir(path.dirname(path.join(context, file)), { recursive: true });
    await cp(path.join(repository, file), path.join(context, file));
  }
};

type Around = { root: string; sourceOf: (stage?: string) => Promise<string> };

const buildStage = async (stage: Stage, { root, sourceOf }: Around): Promise<Built> => {
  await makeBase(root);
  let workdir = '/';
  for (const { keyword, value } of stage.instructions) {
    if (keyword === 'WORKDIR') {
      workdir = path.resolve(workdir, value);
      await mkdir(path.join(root, workdir), { recursive: true });
    } else if (keyword === 'COPY') await copyInto({ root, workdir, sourceOf }, value);
    else if (keyword === 'RUN') await runIn({ root, workdir }, value);
  }
  return { stage, root, workdir: path.join(root, workdir) };
};

/** Node and npm as the official images have them. */
const makeBase = async (root: string): Promise<void> => {
  const usrLocal = path.join(root, 'usr/local');
  for (const folder of ['bin', 'lib/node_modules', 'include/node']) {
    await mkdir(path.join(usrLocal, folder), { recursive: true });
  }
  await chmod(root, 0o755);
  const node = path.join(usrLocal, 'bin/node');
  await link(process.execPath, node).catch(() => cp(process.execPath, node, { mode: constants.COPYFILE_FICLONE }));
  await writeFile(path.join(usrLocal, 'include/node/node.h'), '');
  await symlink(await findNpm(), path.join(usrLocal, 'lib/node_modules/npm'));
  for (const name of ['npm', 'npx']) {
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, path.join(usrLocal, 'bin', name));
  }
};

/** The folder of this machine's npm. */
const findNpm = async (): Promise<string> => {
  for (const folder of process.env.PATH?.split(path.delimiter) ?? []) {
    const found = await realpath(path.join(folder, 'npm')).catch(() => '');
    if (found.endsWith('/bin/npm-cli.js')) return path.resolve(found, '../..');
  }
  throw new Error('there is no npm on the PATH');
};

const copyInto = async ({ root, workdir, sourceOf }: Around & { workdir: string }, value: string): Promise<void> => {
  const words = value.split(' ');
  const option = (name: string) => words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
  const paths = words.filter((word) => !word.startsWith('--'));
  const stage = option('from');
  const source = await sourceOf(stage);
  const target = paths.pop() ?? '';
  const to = path.join(root, path.resolve(workdir, target));
  for (const name of paths) {
    const from = path.join(source, name);
    const isInFolder = (await stat(from)).isFile() && target.endsWith('/');
    const copy = isInFolder ? path.join(to, path.basename(name)) : to;
    // Another stage's folders are moved: thousands of files, which nobody else wants.
    if (stage !== undefined) await rename(from, copy);
    else await cp(from, copy, { recursive: true });
  }
  const [uid, gid] = (option('chown') ?? '0:0').split(':').map(Number);
  if (isRoot && uid !== undefined && gid !== undefined) await chown(to, uid, gid);
};

const run = promisify(execFile);

const runIn = async ({ root, workdir }: { root: string; workdir: string }, command: string): Promise<void> => {
  // Nothing here keeps a command in the image's folder but that it names none outside.
  if (/(^|[\s"'=])(\/|~)|\.\.|\$/.test(command)) throw new Error(`RUN must keep to paths below its WORKDIR: ${command}`);
  const cwd = path.join(root, workdir);
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => passedOn.test(name))),
    PATH: [path.join(root, 'usr/local/bin'), '/usr/bin', '/bin'].join(path.delimiter),
    npm_config_prefer_offline: 'true',
  };
  const sh = (text: string) => run('sh', ['-c', text], { cwd, env, maxBuffer: 64 * 1024 * 1024 });
  if (/^npm ci\b/.test(command) && !command.includes('--omit=dev')) {
    await symlink(path.join(repository, 'node_modules'), path.join(cwd, 'node_modules'));
    await sh('npm run prepare');
  } else await sh(command);
};

/** The variables that a container has at its start; paths are those of this machine. */
export const environmentOf = ({ stage, root }: Built): Record<string, string> => ({
  PATH: path.join(root, 'usr/local/bin'),
  ...Object.fromEntries(
    Object.entries(pairsOf(stage, 'ENV')).map(([name, value]) => [name, value.startsWith('/') ? path.join(root, value) : value]),
  ),
});
