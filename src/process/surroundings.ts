import type { Logger } from 'pino';
import type { Clock, NewId, Random } from '../kernel/clock.ts';
import type { Output } from './output-port.ts';

/** What a process gets from outside. */
export type Surroundings = {
  logger: Logger;
  stdout: Output;
  clock: Clock;
  newId: NewId;
  random: Random;
  /** Replaces the database's clock, which schedules use; tests set it. */
  databaseClock?: Clock;
};
