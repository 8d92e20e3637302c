import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What starts processes, and waits for them: what begins late ends last, while the other workers have nothing left to do. */
const long = /\/test\/(chaos|start|service|browser|demo)\b/;

/** Those first, then as Vitest sorts: by how long a file took the last time or, where it knows nothing, by its size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(({ moduleId }) => long.test(moduleId)), ...sorted.filter(({ moduleId }) => !long.test(moduleId))];
  }
}
