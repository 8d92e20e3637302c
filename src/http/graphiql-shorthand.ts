/**
 * Runs in GraphiQL's page, so it must not use anything outside of itself. Lets the variables of the example operations say
 * what cannot be known when the page is made: "in 10 seconds" becomes an instant when the request is sent, and "the latest
 * schedule" the id that `createSchedule` returned last. Everything else is sent as it was written.
 */
export function installShorthand(): void {
  const send = globalThis.fetch;
  let latestSchedule = '';
  const expand = (_key: string, value: unknown) => {
    if (value === 'the latest schedule') return latestSchedule || value;
    const seconds = typeof value === 'string' && /^in (\d{1,9}) seconds$/.exec(value)?.[1];
    return seconds ? new Date(Date.now() + Number(seconds) * 1000).toISOString() : value;
  };
  globalThis.fetch = async (input, init) => {
    if (typeof init?.body !== 'string') return send(input, init);
    const response = await send(input, { ...init, body: JSON.stringify(JSON.parse(init.body, expand)) });
    if (/json/.test(response.headers.get('content-type') ?? '')) {
      const { data } = await response.clone().json();
      latestSchedule = data?.createSchedule?.id ?? latestSchedule;
    }
    return response;
  };
}
