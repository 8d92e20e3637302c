import { describe, expect, it } from 'vitest';
import { schema } from '../../src/compose/schema.ts';

const describedAs = (typeName: string, field: string) => {
  const type = schema.getType(typeName);
  return type && 'getFields' in type ? type.getFields()[field]?.description : undefined;
};

describe('the descriptions', () => {
  it.each(['history', 'schedules'])('of Flag.%s says that a flag of the same key shows there, too', (field) => {
    expect(describedAs('Flag', field)).toMatch(/this flag.*include those of deleted flags with the same key/);
  });

  it('of Environment.enabled says what a disabled one does to schedules', () => {
    expect(describedAs('Environment', 'enabled')).toMatch(/no schedules can be created, and those that become due fail/);
  });
});
