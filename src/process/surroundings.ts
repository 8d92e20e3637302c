import type { Logger } from 'pino';
import type { Clock, NewId, Random } from '../kernel/clock.ts';
import type { Output } from './output-port.ts';

/** What a process gets from the world. */
export type Surroundings = {
  logger: Logger;
  stdout: Output;
  clock: Clock;
  newId: NewId;
  random: Random;
  /** In place of the database's clock, which schedules are planned and edited by; tests move it. */
  databaseClock?: Clock;
};
