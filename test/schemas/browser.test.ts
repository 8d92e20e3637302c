import { fileURLToPath } from 'node:url';
import { createContext, Script } from 'node:vm';
// Vitest brings Vite.
import { build } from 'vite';
import { expect, it } from 'vitest';

it('what browsers get of flagtrail/schemas judges targeting without Node, and without generating code', async () => {
  const entry = fileURLToPath(new URL('../../src/schemas/main.ts', import.meta.url));
  const source = `import * as schemas from ${JSON.stringify(entry)};
    import { findTargetingIssues } from ${JSON.stringify(entry.replace('schemas/main.ts', 'targeting/model/targeting.ts'))};
    globalThis.bundle = { ...schemas, findTargetingIssues };`;
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    plugins: [{ name: 'entry', resolveId: (id) => (id === 'entry' ? id : null), load: (id) => (id === 'entry' ? source : null) }],
    build: { write: false, minify: false, rolldownOptions: { input: 'entry', output: { format: 'iife' } } },
  });
  const [output] = [result].flat();
  const code = output && 'output' in output ? output.output[0].code : '';
  expect(code).not.toMatch(/__vite-browser-external|\brequire\(["']node:|from ["']node:/);

  // As strict as a page with `script-src 'self'`: nothing of Node, no eval, no new Function.
  const context = createContext({ TextEncoder, URL, console: {} }, { codeGeneration: { strings: false, wasm: false } });
  new Script(code).runInContext(context);
  const judge = (expression: string) => JSON.parse(new Script(`JSON.stringify(${expression})`).runInContext(context));
  expect(
    judge(`bundle.findTargetingIssues({ if: [{ ends_with: [{ var: 'email' }, '@example.com'] }, 'on', null] }, ['on'])`),
  ).toEqual([]);
  expect(judge(`bundle.findTargetingIssues({ if: [{ matches: [1] }, 'on', null] }, ['on'])`)).toEqual([
    { path: ['if', '0'], message: 'has the operator "matches", which flagd does not support' },
  ]);
  expect(judge(`bundle.createFlagInput.safeParse({ key: 'checkout', name: 'Checkout' }).success`)).toBe(true);
});
