import { describe, expect, it } from 'vitest';
import { schema } from '../../src/compose/schema.ts';

const describedAs = (typeName: string, field: string) => {
  const type = schema.getType(typeName);
  return type && 'getFields' in type ? type.getFields()[field]?.description : undefined;
};

describe('the descriptions', () => {
  it.each(['history', 'schedules'])('of Flag.%s says that a flag of the same key shows there, too', (field) => {
    expect(describedAs('Flag', field)).toMatch(/of this key.*deleted and created again.*namesake/);
  });

  it('of Environment.enabled says what a disabled one does to schedules', () => {
    expect(describedAs('Environment', 'enabled')).toMatch(/takes no new schedules, and due ones fail/);
  });
});
