import type { FetchImplementation } from 'jose';

/**
 * A fetch whose answer has at most `maxBytes`, counted after decompression; a larger one is not read to its end. The signal
 * limits the time, including that for the body.
 */
export const makeBoundedFetch =
  (maxBytes: number): FetchImplementation =>
  async (url, options) => {
    const response = await fetch(url, options);
    const { status, body } = response;
    if (status !== 200) {
      await body?.cancel();
      throw new Error(`the answer is HTTP ${status}, not 200`);
    }
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.length;
      // Leaving the loop cancels the body.
      if (bytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return new Response(new Blob(chunks), { status });
  };
