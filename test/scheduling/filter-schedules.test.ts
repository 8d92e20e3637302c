import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ScheduleStore } from '../../src/schedules/commands/schedule-store.ts';
import type { Schedule } from '../../src/schedules/model/schedule.ts';
import type { ScheduleFilter, ScheduleTime } from '../../src/schedules/model/schedule-filter.ts';
import { makeScheduleStore } from '../../src/schedules/store/schedule-store.ts';
import { createPGliteDatabase, createPostgresDatabase, type PostgresTestDatabase } from '../support/databases.ts';

/** Two hundred schedules of every kind; many share their instants. */
const seed = `
  INSERT INTO feature_flag_schedules (id, flag_key, environment_key, scheduled_at, status, updates, created_by, cancelled_by,
    cancelled_at, cancel_reason, applied_at, error_message, next_retry_at, created_at, updated_at)
  SELECT gen_random_uuid(), (ARRAY['checkout', 'check_in', 'search'])[1 + n % 3], (ARRAY['production', 'staging'])[1 + n % 2],
    timestamptz '2026-01-01' + make_interval(days => n * 7 % 10), status, '{"enabled": true}',
    CASE WHEN n % 4 > 0 THEN 'admin-' || n % 4 END,
    CASE WHEN status = 'CANCELLED' THEN 'admin-' || n % 3 END, CASE WHEN status = 'CANCELLED' THEN timestamptz '2026-03-01' END,
    CASE WHEN status = 'CANCELLED' THEN (ARRAY['manual_cancellation', 'flag_deleted', '100% off'])[1 + n / 5 % 3] END,
    CASE WHEN status = 'APPLIED' THEN timestamptz '2026-02-01' + make_interval(days => n * 3 % 10) END,
    CASE WHEN status = 'FAILED' THEN (ARRAY['An EMERGENCY override', 'superseded: checkout'])[1 + n / 5 % 2] END,
    CASE WHEN status = 'FAILED' AND n % 2 = 0 THEN timestamptz '2026-04-01' END,
    timestamptz '2025-12-01' + make_interval(days => n % 10), now()
  FROM generate_series(1, 200) n, LATERAL (SELECT (ARRAY['PENDING', 'APPLIED', 'FAILED', 'CANCELLED', 'FAILED'])[1 + n % 5] AS status) kinds`;

/** What a filter means, in words as plain as they come. */
const matches = (schedule: Schedule, filter: ScheduleFilter): boolean => {
  const { status, nextRetryAt } = schedule;
  const isOpen = status === 'PENDING' || nextRetryAt !== null;
  const isIn = (at: Date | null, from: Date | null | undefined, to: Date | null | undefined) =>
    (!from && !to) || (at !== null && (!from || at >= from) && (!to || at < to));
  const holds = (text: string | null) => text?.toLowerCase().includes(filter.search?.toLowerCase() ?? '') ?? false;
  return [
    filter.flagKey == null || schedule.flagKey === filter.flagKey,
    !filter.flagKeys || filter.flagKeys.includes(schedule.flagKey),
    filter.environment == null || schedule.environment === filter.environment,
    !filter.statuses || filter.statuses.includes(status),
    filter.open == null || filter.open === isOpen,
    filter.willRetry == null || (status === 'FAILED' && filter.willRetry === (nextRetryAt !== null)),
    filter.createdBy == null || schedule.createdBy === filter.createdBy,
    filter.cancelledBy == null || schedule.cancelledBy === filter.cancelledBy,
    isIn(schedule.scheduledAt, filter.from, filter.to),
    isIn(schedule.createdAt, filter.createdFrom, filter.createdTo),
    isIn(schedule.appliedAt, filter.appliedFrom, filter.appliedTo),
    filter.search == null || [schedule.flagKey, schedule.cancelReason, schedule.errorMessage].some(holds),
  ].every(Boolean);
};

const instantFrom = (start: string) =>
  fc.integer({ min: -1, max: 10 }).map((days) => new Date(Date.parse(start) + days * 86_400_000));
const flagKey = fc.constantFrom('checkout', 'check_in', 'search', 'nothing');
const anyFilter: fc.Arbitrary<ScheduleFilter> = fc.record(
  {
    flagKey,
    flagKeys: fc.array(flagKey, { maxLength: 3 }),
    environment: fc.constantFrom('production', 'staging'),
    statuses: fc.subarray(['PENDING', 'APPLIED', 'FAILED', 'CANCELLED'] as const),
    open: fc.boolean(),
    willRetry: fc.boolean(),
    createdBy: fc.constantFrom('admin-1', 'admin-2', 'nobody'),
    cancelledBy: fc.constantFrom('admin-0', 'admin-1'),
    from: instantFrom('2026-01-01'),
    to: instantFrom('2026-01-01'),
    createdFrom: instantFrom('2025-12-01'),
    createdTo: instantFrom('2025-12-01'),
    appliedFrom: instantFrom('2026-02-01'),
    appliedTo: instantFrom('2026-02-01'),
    search: fc.constantFrom('CHECK', 'k_i', '0%', 'emergency', 'deleted', 'supersed', '\\\\'),
  },
  { requiredKeys: [], noNullPrototype: true },
);
/** A few criteria at a time: many would match nothing. */
const filters = fc
  .tuple(anyFilter, fc.subarray([...Array(15).keys()], { maxLength: 3 }))
  .map(([filter, kept]) => Object.fromEntries(Object.entries(filter).filter((_, n) => kept.includes(n))) as ScheduleFilter);

const inOrder = (schedules: readonly Schedule[], by: ScheduleTime) =>
  schedules
    .filter((schedule) => schedule[by] !== null)
    .toSorted((a, b) => Number(a[by]) - Number(b[by]) || (a.id < b.id ? -1 : 1));

describe('filters and orders of schedules', () => {
  let store: ScheduleStore;
  let all: Schedule[];
  beforeAll(async () => {
    const db = await createPGliteDatabase();
    await db.sql(seed);
    store = makeScheduleStore(db.database.prisma);
    all = await store.list({}, { limit: 1000, inverted: false });
    expect(all).toHaveLength(200);
  });

  it('list, page and count what a plain judgement of every schedule says', { timeout: 120_000 }, async () => {
    let found = 0;
    const page = fc.record({
      filter: filters,
      by: fc.constantFrom<ScheduleTime[]>('scheduledAt', 'createdAt', 'appliedAt'),
      inverted: fc.boolean(),
      limit: fc.constantFrom(1, 3, 50, 200),
      after: fc.option(fc.nat({ max: 199 }), { nil: undefined }),
      before: fc.option(fc.nat({ max: 199 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(page, async ({ filter, by, inverted, limit, after, before }) => {
        const places = inOrder(all, by);
        const wanted = inOrder(
          all.filter((schedule) => matches(schedule, filter)),
          by,
        );
        expect(await store.count(filter, by)).toBe(wanted.length);
        const cursor = (n: number | undefined) => {
          const at = n === undefined ? undefined : places[n % places.length];
          return at && { at: at[by] ?? new Date(0), id: at.id };
        };
        const [from, to] = [cursor(after), cursor(before)];
        const place = (id: string | undefined) => places.findIndex((schedule) => schedule.id === id);
        const between = wanted.filter(({ id }) => (!from || place(id) > place(from.id)) && (!to || place(id) < place(to.id)));
        const expected = (inverted ? between.toReversed() : between).slice(0, limit);
        const slice = { ...(from && { after: from }), ...(to && { before: to }), limit, inverted };
        expect(await store.list(filter, slice, by)).toEqual(expected);
        found += expected.length;
      }),
      { numRuns: 150, endOnFailure: true },
    );
    expect(found).toBeGreaterThan(500);
  });
});

describe('a page of schedules', () => {
  let db: PostgresTestDatabase;
  beforeAll(async () => {
    // One connection, so that the one which is told to is the one that counted.
    db = await createPostgresDatabase({ maxConnections: 1 });
    await db.sql(seed.replace('generate_series(1, 200)', 'generate_series(1, 20000)'));
    await db.sql(
      `UPDATE feature_flag_schedules SET next_retry_at = NULL WHERE flag_key <> 'search' OR scheduled_at < '2026-01-05'`,
    );
    await db.sql('ANALYZE feature_flag_schedules');
  });
  const scans = async () =>
    new Map(
      (
        await db.sql<{ name: string; scans: number }>(
          `SELECT indexrelname AS name, idx_scan::int AS scans FROM pg_stat_user_indexes WHERE relname = 'feature_flag_schedules'`,
        )
      ).map(({ name, scans }) => [name.replace('feature_flag_schedules_', ''), scans]),
    );

  it.each<[string, ScheduleTime, ScheduleFilter, string[]]>([
    ['by when they are due', 'scheduledAt', {}, ['time']],
    ['by when they were created', 'createdAt', {}, ['created']],
    ['by when they were applied', 'appliedAt', {}, ['applied']],
    ['of a canceller', 'scheduledAt', { cancelledBy: 'admin-0' }, ['canceller']],
    ['that are tried again', 'scheduledAt', { willRetry: true }, ['retrying']],
    ['that are open', 'scheduledAt', { open: true }, ['status', 'retrying']],
  ])('%s comes from an index in that order', async (_, by, filter, indexes) => {
    const before = await scans();
    await makeScheduleStore(db.database.prisma).list(filter, { limit: 51, inverted: true }, by);
    // Otherwise a connection tells only after ten seconds what it has used.
    await db.database.prisma.$executeRaw`SELECT pg_stat_force_next_flush()`;
    await expect
      .poll(async () => [...(await scans())].filter(([name, n]) => n > (before.get(name) ?? 0)).map(([name]) => name), {
        timeout: 20_000,
      })
      .toEqual(expect.arrayContaining(indexes));
  });
});
