import { expect, it, vi } from 'vitest';
import type { Schedule } from '../model/schedule.ts';
import { makeScheduleLoaders } from './app.ts';

it('conflicts are read each once, and at most 200 in a statement', async () => {
  const findByIds = vi.fn(async (ids: readonly string[]) => ids.map((id) => ({ id }) as Schedule));
  // Each of ten has 60 of its own, and 40 that all have.
  const idsOf = (id: string) => Array.from({ length: 100 }, (_, n) => (n < 40 ? `all-${n}` : `${id}-${n}`));
  const conflictsOf = async (schedules: readonly Schedule[]) => new Map(schedules.map(({ id }) => [id, idsOf(id)]));
  const loaders = makeScheduleLoaders({ schedules: { findByIds, conflictsOf } } as unknown as Parameters<
    typeof makeScheduleLoaders
  >[0]);
  const of = Array.from({ length: 10 }, (_, n) => ({ id: `s${n}` }) as Schedule);

  const found = await Promise.all(of.map((schedule) => loaders.conflictsOf.load(schedule)));

  expect(found.map((conflicts) => conflicts.map(({ id }) => id))).toEqual(of.map(({ id }) => idsOf(id)));
  expect(findByIds.mock.calls.map(([ids]) => ids.length)).toEqual([200, 200, 200, 40]);
});
