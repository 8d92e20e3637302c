import { describe, expect, it } from 'vitest';
import { type AuditClientOptions, toSettings } from './options.ts';

const good = { url: 'https://flags.example.com', token: 'a-token' };
const refusal = (options: object | undefined): string => {
  try {
    toSettings(options as AuditClientOptions);
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
  throw new Error('the options were accepted');
};

describe('options', () => {
  it('need a URL and a token; the rest has defaults', () => {
    expect(toSettings(good)).toMatchObject({
      url: 'https://flags.example.com/graphql',
      maxQueued: 10_000,
      batchSize: 500,
      flushIntervalMs: 1000,
      requestTimeoutMs: 10_000,
    });
  });

  it('keep a path that the URL has', () => {
    const url = new URL('http://127.0.0.1:4000/api/graphql?x=1');
    expect(toSettings({ ...good, url }).url).toBe('http://127.0.0.1:4000/api/graphql?x=1');
  });

  it.each([
    [{ url: 'flags.example.com' }, 'url must be an http or https URL'],
    [{ url: 'ftp://flags.example.com' }, 'url must be an http or https URL'],
    [{ url: 'https://user:password@flags.example.com' }, 'url must be an http or https URL without user and password'],
    [{ url: 7 }, 'url must be an http or https URL'],
    [{ token: '' }, 'token must be a token'],
    [{ token: 'two words' }, 'token must be a token'],
    [{ token: undefined }, 'token must be a token'],
    [{ logger: { warn: () => {} } }, 'logger must have the methods warn(fields, message) and error(fields, message)'],
    [{ batchSize: 501 }, 'batchSize must be an integer from 1 to 500'],
    [{ maxQueued: 1.5 }, 'maxQueued must be an integer from 1 to 1000000'],
    [{ requestTimeoutMs: '10' }, 'requestTimeoutMs must be an integer from 100 to 600000'],
    [{ bathSize: 5 }, 'Unrecognized key: "bathSize"'],
  ])('are refused by name: %o', (wrong, message) => {
    expect(refusal({ ...good, ...wrong })).toContain(message);
  });

  it('are refused all at once, without showing the token', () => {
    const message = refusal({ url: 'x', token: 'my secret', batchSize: 0 });
    expect(message).toMatch(/^the options of the audit client are wrong: url .*; token .*; batchSize /);
    expect(message).not.toContain('my secret');
  });

  it('are needed', () => {
    expect(refusal(undefined)).toContain('the options of the audit client are wrong');
  });
});
