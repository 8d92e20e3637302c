/** The application's time. Schedules are not its business: they are planned, edited and applied by the database's clock. */
export type Clock = { now(): Date };
/** Makes an id (UUIDv7) for something that exists from `at`. */
export type NewId = (at: Date) => string;
/** A number in [0, 1). */
export type Random = () => number;
