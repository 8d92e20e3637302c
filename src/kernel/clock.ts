/** The application's time. Schedules do not use it: the database's clock decides when they are due. */
export type Clock = { now(): Date };
/** Makes an id (UUIDv7) for something that exists from `at`. */
export type NewId = (at: Date) => string;
/** A number in [0, 1). */
export type Random = () => number;
