import { createAuditClient } from '../../src/client/main.ts';

// Records as many events as its second argument says, and then ends in the manner of the third.

const [url = '', count = '0', ending] = process.argv.slice(2);
const audit = createAuditClient({ url, token: 'a-token' });
for (let index = 0; index < Number(count); index++) audit.auditLogin(`user-${index}`, 'workspace');

if (ending === 'SIGTERM') {
  process.once('SIGTERM', () => void audit.close(5000).then(() => process.exit(0)));
  // As a service that never ends by itself.
  setInterval(() => {}, 1000);
} else if (ending === 'deadline') await audit.close(300);
process.send?.('logged');
process.disconnect?.();
