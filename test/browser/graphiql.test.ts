import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { beforeAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { atTestEnd } from '../support/at-test-end.ts';
import { startServe } from '../support/serve-process.ts';
import { dataDirectory } from '../support/service.ts';

const executablePath = '/usr/bin/chromium';
const flags =
  '--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

/** README.md shows it. `npm run screenshot` takes it anew. */
const screenshotFile = path.resolve(import.meta.dirname, '../../docs/graphiql.png');

/** The real service without any setting, and a real browser: for all tests here, as either takes seconds to start. */
let service: Awaited<ReturnType<typeof startServe>>;
let browser: Browser;
beforeAll(async () => {
  if (!existsSync(executablePath)) return;
  service = await startServe({ DATA_DIR: await dataDirectory() });
  browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [...flags.split(' '), ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  });
  atTestEnd(() => browser.close());
  await service.untilReady();
});

/** The browser of somebody who was never here: its storage is empty. */
const open = async (ctx: TestContext) => {
  if (!existsSync(executablePath)) ctx.skip(`there is no ${executablePath}: install Debian's package chromium to run this test`);
  const profile = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  onTestFinished(() => profile.close());
  profile.setDefaultTimeout(20_000);
  const requested: URL[] = [];
  profile.on('request', (request) => requested.push(new URL(request.url())));
  profile.on('page', (page) => page.on('websocket', (socket) => requested.push(new URL(socket.url()))));
  // What a newcomer opens: the address that the banner says.
  const address = /http:\S+\/graphql\?code=\S+/.exec(service.stderr())?.[0] ?? '';
  return {
    requested,
    openWindow: async () => drive(await profile.newPage(), address),
    openWithoutCode: async () => drive(await profile.newPage(), address.replace(/\?.*/, '')),
  };
};

/** GraphiQL in one window, used as people do: by its tabs, its editors and its button. */
const drive = async (page: Page, address: string) => {
  await page.goto(address);
  const button = page.getByRole('button', { name: 'Execute query' });
  const result = page.getByLabel('Result Window');
  const focus = (editor: string) => page.getByLabel(editor, { exact: true }).getByLabel('Editor content').first().focus();
  const type = async (editor: string, text: string) => {
    await focus(editor);
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(text);
  };
  // GraphiQL parses what is in its editor a moment later, and until then runs what was there before. It then shows the
  // operation in the address.
  const untilParsed = (isIt: (operation: string) => boolean) =>
    page.waitForURL((url) => isIt(url.searchParams.get('query') ?? ''));
  await button.waitFor();
  return {
    page,
    address,
    run: () => button.click(),
    changeTab: async (name: string) => {
      // By keyboard: the tabs can be dragged, and take a click that is quicker than a human's for the end of that.
      await page.getByRole('tab').getByRole('button', { name, exact: true }).press('Enter');
      await untilParsed((operation) => new RegExp(`^(mutation|query|subscription) ${name}\\b`, 'm').test(operation));
    },
    typeOperation: async (text: string) => {
      await type('Operation Editor', text);
      await untilParsed((operation) => operation === text);
    },
    typeVariables: (variables: object) => type('Variables', JSON.stringify(variables)),
    /** Waits until the result pane shows the text, and gives all that it shows. */
    untilResult: async (text: string) => {
      await result.getByText(text).first().waitFor();
      return (await result.innerText()).replaceAll(/\s+/g, ' ');
    },
  };
};

// A test waits ten seconds for the worker, beside what a browser takes on a busy machine.
describe("GraphiQL's page in a real Chromium", { timeout: 90_000 }, () => {
  it('is signed in, and a newcomer who runs tab after tab sees the change applied live, another one cancelled, and no secret', async (ctx) => {
    const { requested, openWindow } = await open(ctx);
    const graphiql = await openWindow();

    await graphiql.run();
    expect(await graphiql.untilResult('"checkout-v2"')).toContain('"environment": "production", "enabled": false');

    await graphiql.changeTab('Schedule');
    await graphiql.run();
    expect(await graphiql.untilResult('"PENDING"')).toContain('"createdBy": "developer"');

    await graphiql.changeTab('Watch');
    await graphiql.run();
    const applied = await graphiql.untilResult('"flag_schedule.applied"');
    expect(applied).toContain('"id": "system"');
    expect(applied).toContain('enabled changed from false to true');

    await graphiql.changeTab('ScheduleLater');
    await graphiql.run();
    await graphiql.untilResult('"PENDING"');

    await graphiql.changeTab('Cancel');
    await graphiql.run();
    expect(await graphiql.untilResult('"CANCELLED"')).toContain('"cancelledBy": "developer"');

    await graphiql.changeTab('Overview');
    await graphiql.run();
    await graphiql.untilResult('"APPLIED"');

    const picture = await graphiql.page.screenshot();
    expect(picture.length).toBeLessThan(300_000);
    // Whatever is to be seen may be published: no token, no code of the address, no folder of this machine.
    const shown = await graphiql.page.locator('body').innerText();
    expect(shown).toContain('checkout-v2');
    for (const secret of ['eyJ', new URL(graphiql.address).searchParams.get('code') ?? '', process.cwd()]) {
      expect(secret).not.toBe('');
      expect(shown).not.toContain(secret);
    }
    if (process.env.npm_lifecycle_event === 'screenshot') writeFileSync(screenshotFile, picture);

    // Everything came from the service, the subscription over a websocket; what the page made itself has no host.
    const { host } = new URL(service.url);
    expect(requested.filter((url) => !['blob:', 'data:'].includes(url.protocol) && url.host !== host)).toEqual([]);
    expect(requested.map(({ protocol }) => protocol)).toContain('ws:');
  });

  it('does not keep the code in its address, and is signed in by its cookie from then on', async (ctx) => {
    const { openWindow, openWithoutCode } = await open(ctx);
    expect((await openWindow()).page.url()).not.toContain('code');
    const { page, typeOperation, run, untilResult } = await openWithoutCode();
    await typeOperation('{ viewer { roles } }');
    await run();
    await untilResult('"ADMIN"');
    expect(await page.getByRole('note').count()).toBe(0);
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  it('opened without the code says where the address with it is, and is not signed in', async (ctx) => {
    const { page, run, untilResult } = await (await open(ctx)).openWithoutCode();
    await page.getByText('This page is not signed in').waitFor();
    await run();
    await untilResult('UNAUTHENTICATED');
    // The note takes nothing of GraphiQL out of the window.
    const { height } = page.viewportSize() ?? {};
    const { y = 0, height: below = 0 } = (await page.locator('#root .graphiql-container').last().boundingBox()) ?? {};
    expect(y + below).toBe(height);
  });

  it('shows in one window what is done in another, and is still signed in after a reload', async (ctx) => {
    const { openWindow } = await open(ctx);
    const watching = await openWindow();
    await watching.typeOperation('subscription { auditEvents { eventType description } }');
    await watching.run();
    await watching.page.getByRole('button', { name: 'Stop query' }).waitFor();

    const acting = await openWindow();
    await acting.typeOperation('mutation { createFlag(input: { key: "typed", name: "Typed" }) { __typename } }');
    await acting.run();
    await acting.untilResult('"Flag"');
    await watching.untilResult('"flag.created"');

    // On one line: the editor would indent others by itself.
    const schedule = 'createSchedule(input: { flagKey: "typed", scheduledAt: $at, updates: { enabled: true } })';
    await acting.typeOperation(`mutation($at: DateTime!) { ${schedule} { ... on Schedule { id status } } }`);
    await acting.typeVariables({ at: 'in 3 seconds' });
    await acting.run();
    await acting.untilResult('"PENDING"');
    await watching.untilResult('"flag_schedule.created"');
    await watching.untilResult('"flag_schedule.applied"');

    // The pane is empty again, and the token of the page's headers is not in the browser's storage.
    await acting.page.reload();
    await acting.typeVariables({ at: 'in 3600 seconds' });
    await acting.run();
    const { id } = /"id": "(?<id>[^"]+)"/.exec(await acting.untilResult('"PENDING"'))?.groups ?? {};
    await acting.typeOperation('mutation($id: ID!) { cancelSchedule(input: { id: $id }) { ... on Schedule { status } } }');
    await acting.typeVariables({ id });
    await acting.run();
    await acting.untilResult('"CANCELLED"');
    await watching.untilResult('"flag_schedule.cancelled"');
  });
});
