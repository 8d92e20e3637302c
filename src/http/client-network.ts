import { isIP } from 'node:net';

/**
 * The network of an address, which limits per client count by: an IPv4 address is its own network, and an IPv6 address belongs
 * to its /64, which one household or one machine usually has.
 */
export const clientNetwork = (address: string | null): string => {
  if (address === null || isIP(address) !== 6) return address ?? 'unknown';
  const [left = [], right = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
};
