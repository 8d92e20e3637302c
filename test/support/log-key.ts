import { generateKeyPairSync } from 'node:crypto';

/** The key with which the tests' processes sign the log, as PEM: one for all, because several can share a database. */
export const logKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
