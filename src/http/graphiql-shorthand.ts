/**
 * Fills in the variables of the example operations that are not known when the page is made: it sends an instant for "in 10
 * seconds", and the id that `createSchedule` last returned for "the latest schedule". Everything else is sent as it is. It runs in
 * GraphiQL's page, so it must not use anything outside this function.
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
