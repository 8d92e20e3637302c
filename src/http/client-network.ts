import { isIP } from 'node:net';

/**
 * Whom an address belongs to, for what each may have a share of: an IPv4 address itself, of an IPv6 address its /64, which is
 * what one household or one machine has.
 */
export const clientNetwork = (address: string | null): string => {
  if (address === null || isIP(address) !== 6) return address ?? 'unknown';
  const [left = [], right = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
};
