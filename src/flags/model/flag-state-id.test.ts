import { expect, it } from 'vitest';
import { flagStateId } from './flag-state-id.ts';

const flagId = '01900000-0000-7000-8000-000000000001';

it('the id of a state is a UUID that is always the same, and of no other flag or environment', () => {
  const id = flagStateId({ flagId, environment: 'production' });
  // RFC 9562, version 5: the environment's key in the namespace of the flag. Written out, because clients keep it.
  expect(id).toBe('6b2c64a8-6eaf-52af-9b2c-49fa242e3e57');
  expect(flagStateId({ flagId, environment: 'staging' })).not.toBe(id);
  expect(flagStateId({ flagId: '01900000-0000-7000-8000-000000000002', environment: 'production' })).not.toBe(id);
});
