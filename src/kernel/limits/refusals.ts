/** What is refused, or cut off, because it is more than a share or than this process takes. */
type RefusalReason = 'idle_connection' | 'socket_origin' | 'socket_waiting' | 'socket_places' | 'mutation_rate' | 'share';
export type OnRefused = (reason: RefusalReason) => void;
