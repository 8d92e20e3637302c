import { builder } from '../../graphql/builder.ts';

export const VariantInput = builder.inputType('VariantInput', {
  description: 'A value that a flag can give, with its key.',
  fields: (t) => ({
    key: t.string({ required: true, description: 'Its key: 1–128 characters, unique within the flag.' }),
    value: t.field({
      type: 'JSON',
      required: true,
      description:
        "The value that applications get. The flag's type decides what it is: true or false, text, a number, or a JSON object.",
    }),
  }),
});

export const FlagRuleInput = builder.inputType('FlagRuleInput', {
  description: 'A targeting rule.',
  fields: (t) => ({
    key: t.string({
      required: true,
      description: 'Its name, for people: 1–64 characters, unique within its flag and environment.',
    }),
    description: t.string({ description: 'What it is for: up to 1,000 characters.' }),
    targeting: t.field({
      type: 'JSON',
      required: true,
      description:
        'flagd\'s targeting: JsonLogic that gives a variant\'s key, or null for the next rule. For example { if: [{ ends_with: [{ var: "email" }, "@example.com"] }, "on", null] }.',
    }),
  }),
});

export type InputFields = Parameters<NonNullable<Parameters<typeof builder.inputType>[1]['fields']>>[0];

/** The fields of every input that changes a state: they say which state. */
export const stateTargetFields = (t: InputFields) => ({
  flagKey: t.string({ required: true, description: "The flag's key." }),
  environment: t.string({ required: true, defaultValue: 'production', description: "The environment's key." }),
  expectedVersion: t.int({ description: 'Change it only if the state is still at this version.' }),
});
