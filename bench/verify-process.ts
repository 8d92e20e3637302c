import { openDatabases } from '../src/database/open-database.ts';
import { openDatabaseSource } from '../src/verify/database-source.ts';
import { leafHash } from '../src/verify/tree.ts';
import { verifyDatabase } from '../src/verify/verify.ts';

// A process that verifies a log, or only reads and hashes it, and prints how long that took and how much memory it needed.

const [url = '', key = '', what = ''] = process.argv.slice(2);
const place = { databaseUrl: url, databaseConnections: 1, dataDir: null };
const { reads, close } = await openDatabases(place, { pools: 'one', schema: 'any' });
const startedAtMs = performance.now();
const events = await reads.readSnapshot(async (query) => {
  if (what === 'verify') {
    const { outcome, finding, reason, size } = await verifyDatabase(query, { keys: [key], pins: [] });
    if (outcome !== 'good') throw new Error(finding?.sentence ?? reason ?? outcome);
    return size;
  }
  let hashed = 0;
  const source = await openDatabaseSource(query);
  for await (const page of source.leaves(0)) {
    for (const { entry } of page) if (entry && leafHash(entry).length > 0) hashed++;
  }
  return hashed;
});
const seconds = (performance.now() - startedAtMs) / 1000;
await close();
process.stdout.write(JSON.stringify({ perSecond: events / seconds, peakMiB: process.resourceUsage().maxRSS / 1024 }));
