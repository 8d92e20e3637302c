import { afterAll, onTestFinished, type RunnerTask, type RunnerTestSuite, TestRunner } from 'vitest';

/** What is known when a test, or its file, is over. */
export type Ending = { failed: boolean; title: string };

const fileEnds: ((ending: Ending) => Promise<void>)[] = [];

/** Runs once the current test is over; outside of a test (`beforeAll`) once its file is. */
export const atTestEnd = (finish: (ending: Ending) => Promise<void>): void => {
  const test = TestRunner.getCurrentTest();
  if (!test) fileEnds.push(finish);
  else onTestFinished(({ task }) => finish({ failed: hasFailed(task), title: task.name }));
};

// Registered where this module is imported first, at the top of a test file, hence the last hook of that file to run.
// biome-ignore lint/correctness/noEmptyPattern: Vitest takes nothing but a pattern here.
afterAll(async ({}: object, file: Readonly<RunnerTestSuite>) => {
  for (const finish of fileEnds.splice(0)) await finish({ failed: hasFailed(file), title: file.name });
});

const hasFailed = (task: Readonly<RunnerTask>): boolean =>
  task.result?.state === 'fail' || ('tasks' in task && task.tasks.some(hasFailed));
