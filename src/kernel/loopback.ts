import { isIPv4 } from 'node:net';

/** Whether only this machine can reach the host: 127.0.0.0/8, ::1 (with or without a URL's brackets), localhost. */
export const isLoopback = (host: string): boolean =>
  host.toLowerCase() === 'localhost' || host === '::1' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
