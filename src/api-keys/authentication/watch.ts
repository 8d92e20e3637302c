import type { WatchKey } from '../../access/model/authenticator.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ApiKeyStore } from '../commands/api-key-store.ts';
import { usePauseMs } from './authenticate.ts';

type Deps = {
  keys: Pick<ApiKeyStore, 'findUnrevoked' | 'markUsed'>;
  clock: Clock;
  logger: { warn(details: object, message: string): void };
  pollMs?: number;
};

/**
 * Watches the API keys that opened sockets and streams: one small query every two seconds for all of them, and none if there are
 * no keys to watch. A deleted key counts as revoked. While the database does not answer, nothing is closed. An open socket or
 * stream counts as use of its key, which is stored once a minute.
 */
export const makeKeyWatch = ({ keys, clock, logger, pollMs = 2000 }: Deps): { watch: WatchKey; stop: () => void } => {
  const watchers = new Map<string, Set<() => void>>();
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  let notedAtMs = clock.now().getTime();

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
      const now = clock.now();
      if (now.getTime() - notedAtMs >= usePauseMs) {
        notedAtMs = now.getTime();
        await keys.markUsed([...watchers.keys()], now, usePauseMs);
      }
    } catch (error) {
      logger.warn({ err: error }, 'the API keys of open sockets cannot be checked now');
    }
    wait();
  };

  return {
    watch: (apiKeyId, onRevoked) => {
      const same = watchers.get(apiKeyId) ?? new Set();
      // A function of its own, so that the same callback can be passed twice.
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
