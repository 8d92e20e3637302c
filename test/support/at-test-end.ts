import { onTestFinished, type RunnerTask, TestRunner } from 'vitest';

/** What is known when a test, or its file, is over. */
export type Ending = { failed: boolean; title: string };

const fileEnds: ((ending: Ending) => Promise<void>)[] = [];

/** Runs once the current test is over; outside of a test (`beforeAll`) once its file is. */
export const atTestEnd = (finish: (ending: Ending) => Promise<void>): void => {
  const test = TestRunner.getCurrentTest();
  if (!test) fileEnds.push(finish);
  else onTestFinished(({ task }) => finish(endingOf(task)));
};

/** Runs what waits for the end of a file. Several files follow each other in a process, and this module is loaded once. */
export const endFile = async (file: Readonly<RunnerTask>): Promise<void> => {
  for (const finish of fileEnds.splice(0)) await finish(endingOf(file));
};

const endingOf = (task: Readonly<RunnerTask>): Ending => ({ failed: hasFailed(task), title: task.name });

const hasFailed = (task: Readonly<RunnerTask>): boolean =>
  task.result?.state === 'fail' || ('tasks' in task && task.tasks.some(hasFailed));
