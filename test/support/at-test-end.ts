import { onTestFinished, type RunnerTask, TestRunner } from 'vitest';

/** What is known when a test, or its file, has ended. */
export type Ending = { failed: boolean; title: string };

const fileEnds: ((ending: Ending) => Promise<void>)[] = [];

/**
 * Runs `finish` at the end of the current test or, outside a test (`beforeAll`), at the end of its file: the last one first, so that
 * a service stops before its folder is deleted.
 */
export const atTestEnd = (finish: (ending: Ending) => Promise<void>): void => {
  const test = TestRunner.getCurrentTest();
  if (!test) fileEnds.push(finish);
  else onTestFinished(({ task }) => finish(endingOf(task)));
};

/** Runs what waits for the end of a file. Several files run in one process, which loads this module once. */
export const endFile = async (file: Readonly<RunnerTask>): Promise<void> => {
  for (const finish of fileEnds.splice(0).reverse()) await finish(endingOf(file));
};

const endingOf = (task: Readonly<RunnerTask>): Ending => ({ failed: hasFailed(task), title: task.name });

const hasFailed = (task: Readonly<RunnerTask>): boolean =>
  task.result?.state === 'fail' || ('tasks' in task && task.tasks.some(hasFailed));
