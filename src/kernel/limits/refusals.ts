/** Why this process refused or cut off something: it was more than the caller's share, or more than the process takes. */
type RefusalReason = 'idle_connection' | 'socket_origin' | 'socket_waiting' | 'socket_places' | 'mutation_rate' | 'share';
export type OnRefused = (reason: RefusalReason) => void;
