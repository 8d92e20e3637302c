import type { ApiKeyStore } from '../../ports/api-key-store.ts';
import type { WatchKey } from '../../ports/authenticator.ts';

type Deps = {
  keys: Pick<ApiKeyStore, 'findUnrevoked'>;
  logger: { warn(details: object, message: string): void };
  pollMs?: number;
};

/**
 * Watches the API keys that sockets and streams were opened with: one small query every two seconds for all of them, and none
 * where there are none. A key that was deleted counts as revoked. While the database does not answer, nothing ends.
 */
export const makeKeyWatch = ({ keys, logger, pollMs = 2000 }: Deps): { watch: WatchKey; stop: () => void } => {
  const watchers = new Map<string, Set<() => void>>();
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;

  const wait = () => {
    timer = watchers.size > 0 && !isStopped ? setTimeout(check, pollMs) : null;
  };
  const check = async () => {
    const ids = [...watchers.keys()];
    try {
      const unrevoked = await keys.findUnrevoked(ids);
      for (const id of ids) {
        if (unrevoked.has(id)) continue;
        const revoked = watchers.get(id) ?? [];
        watchers.delete(id);
        for (const onRevoked of revoked) onRevoked();
      }
    } catch (error) {
      logger.warn({ err: error }, 'whether API keys were revoked cannot be told now');
    }
    wait();
  };

  return {
    watch: (apiKeyId, onRevoked) => {
      const same = watchers.get(apiKeyId) ?? new Set();
      // Of its own, so that one callback can be given twice.
      const watcher = () => onRevoked();
      watchers.set(apiKeyId, same.add(watcher));
      if (timer === null) wait();
      return () => {
        same.delete(watcher);
        if (same.size === 0 && watchers.get(apiKeyId) === same) watchers.delete(apiKeyId);
      };
    },
    stop: () => {
      isStopped = true;
      if (timer) clearTimeout(timer);
      timer = null;
    },
  };
};
