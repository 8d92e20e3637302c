/**
 * Whether work ends within a time; it goes on where it does not. Rejects as the work does. What came in while the event loop was
 * blocked is heard before the time is up: the work was not late, this process was.
 */
export const within = async (ms: number, work: Promise<unknown>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(() => setImmediate(resolve, false as const), ms);
  });
  const isDone = await Promise.race([work.then(() => true), tooLate]);
  clearTimeout(timer);
  return isDone;
};
