/** The application's time. Whether a schedule is due is not its business: the database's clock judges that. */
export type Clock = { now(): Date };
/** Makes an id (UUIDv7) for something that exists from `at`. */
export type NewId = (at: Date) => string;
/** A number in [0, 1). */
export type Random = () => number;
