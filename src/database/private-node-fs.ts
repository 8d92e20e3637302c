import { NodeFS } from '@electric-sql/pglite/nodefs';

type Init = NodeFS['init'];
type FileSystem = {
  chmod(target: unknown, mode: number, ...rest: unknown[]): unknown;
  mknod(path: string, mode: number, ...rest: unknown[]): unknown;
};

const permissionsOfOthers = 0o077;

/**
 * PGlite's files on disk, for their owner alone. PGlite explicitly gives each file mode 0666, whatever the process's umask is, so
 * anybody on the machine could rewrite the database.
 */
export class PrivateNodeFS extends NodeFS {
  override async init(...[pglite, options]: Parameters<Init>): ReturnType<Init> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const keepOthersOut = ({ FS }: { FS: FileSystem }) => {
      const { chmod, mknod } = FS;
      FS.chmod = (target, mode, ...rest) => chmod(target, mode & ~permissionsOfOthers, ...rest);
      FS.mknod = (path, mode, ...rest) => mknod(path, mode & ~permissionsOfOthers, ...rest);
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), keepOthersOut] } };
  }
}
