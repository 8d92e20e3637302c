import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that start processes and wait for them: one that begins late also ends last, while the other workers have nothing left to
 * do.
 */
const long = /\/test\/(chaos|start|service|browser|demo)\b/;

/** Runs those files first, then in Vitest's order: by how long a file took last time or, if that is unknown, by its size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(({ moduleId }) => long.test(moduleId)), ...sorted.filter(({ moduleId }) => !long.test(moduleId))];
  }
}
