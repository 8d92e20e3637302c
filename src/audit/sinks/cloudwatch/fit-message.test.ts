import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aLogEntry } from '../../../../test/support/log-entries.ts';
import { type AuditEvent, toWire } from '../../model/audit-event.ts';
import { fitMessage, reduceMessage } from './fit-message.ts';

const bytes = (text: string) => Buffer.byteLength(text, 'utf8');
const wire = (fields: Partial<AuditEvent>) => toWire(aLogEntry(42, fields));
const maxBytes = 40_000;
const long = 'ä'.repeat(30_000);

describe('fitMessage', () => {
  it('leaves what fits as it is, to the byte', () => {
    const event = wire({ description: '' });
    const description = 'é'.repeat((maxBytes - bytes(JSON.stringify(event)) - 1) / 2);
    const padded = {
      ...event,
      description: `${description}${'x'.repeat(maxBytes - bytes(JSON.stringify({ ...event, description })))}`,
    };
    expect(bytes(JSON.stringify(padded))).toBe(maxBytes);
    expect(fitMessage(padded, maxBytes)).toBe(JSON.stringify(padded));
    const cut = JSON.parse(fitMessage({ ...padded, description: `${padded.description}x` }, maxBytes));
    expect(cut).toMatchObject({ truncated: true, originalBytes: maxBytes + 1 });
  });

  it.each([
    [{ previousState: { a: long } }, ['previousState']],
    [{ newState: { a: long } }, ['previousState', 'newState']],
    [{ changes: [{ field: 'a', previousValue: long, newValue: null }] }, ['previousState', 'newState', 'changes']],
  ])('drops states and changes first, and leaves the rest whole', (fields, omitted) => {
    const event = wire(fields);
    const cut = JSON.parse(fitMessage(event, maxBytes));
    expect(cut.omitted).toEqual(omitted);
    expect(cut).toMatchObject({ truncated: true, originalBytes: bytes(JSON.stringify(event)), position: 42, id: event.id });
    expect(cut).toMatchObject({ description: event.description, metadata: event.metadata, actor: event.actor });
  });

  it('shortens long texts where that is not enough, and marks the place', () => {
    const cut = JSON.parse(fitMessage(wire({ errorMessage: 'x'.repeat(50_000) }), maxBytes));
    expect(cut.errorMessage).toBe(`${'x'.repeat(16_384)}…`);
    expect(cut.metadata.flagKey).toBe('checkout-v2');
  });

  it('never cuts a character in two', () => {
    for (const lead of ['', 'x']) {
      const cut = fitMessage(wire({ description: `${lead}${'🦊'.repeat(50_000)}` }), maxBytes);
      expect(cut.isWellFormed()).toBe(true);
      expect(JSON.parse(cut).description).toMatch(/^x?(🦊)+…$/u);
    }
  });

  it('drops the metadata where many small things make it long', () => {
    const metadata = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key ${index}`, index]));
    expect(JSON.parse(fitMessage(wire({ metadata }), maxBytes))).toMatchObject({ position: 42, metadata: {}, truncated: true });
    const actor = { type: 'USER' as const, id: long, name: long, email: long };
    expect(JSON.parse(fitMessage(wire({ metadata, actor, requestContext: null }), maxBytes))).toMatchObject({
      position: 42,
      actor: { type: 'USER', id: expect.stringMatching(/^ä+…$/) },
    });
  });

  it('makes valid JSON of at most that length, with id and position, whatever the event holds', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60_000, size: 'max' }),
      fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 20_000, size: 'max' }),
    );
    fc.assert(
      fc.property(value, value, fc.string({ unit: 'grapheme', maxLength: 60_000, size: 'max' }), (state, extra, description) => {
        const event = wire({ newState: { state }, metadata: { extra }, description });
        const message = fitMessage(event, maxBytes);
        expect(bytes(message)).toBeLessThanOrEqual(maxBytes);
        const parsed = JSON.parse(message);
        expect(parsed).toMatchObject({ id: event.id, position: 42, eventType: 'flag.enabled' });
        expect(parsed.truncated ?? false).toBe(bytes(JSON.stringify(event)) > maxBytes);
      }),
      { numRuns: 30, endOnFailure: true },
    );
  });
});

it('reduces a refused event to its essentials, and says so', () => {
  const event = wire({ description: long });
  const reduced = reduceMessage(event);
  expect(bytes(reduced)).toBeLessThan(5000);
  expect(JSON.parse(reduced)).toMatchObject({
    id: event.id,
    position: 42,
    truncated: true,
    refused: true,
    originalBytes: bytes(JSON.stringify(event)),
  });
  expect(JSON.parse(reduced)).not.toHaveProperty('metadata');
});
