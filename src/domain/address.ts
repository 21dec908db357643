import { isIPv4, isIPv6 } from 'node:net';

/** Characters. Any address with its port and zone is shorter. */
const MAX_LENGTH = 120;
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?::\d{1,5})?$/;

/** A network that contains an address. */
export interface Network {
  name: string;
  /** How many times the limit of one customer applies to the network: 1 for the narrowest network. */
  factor: number;
}

/**
 * The canonical form of an IP address. Accepts the forms that proxies write: with a port, brackets, quotes, a zone, leading zeros,
 * capitals, or IPv4 inside IPv6. Undefined for any other text, such as `unknown` or `_hidden`.
 */
export function canonicalAddress(text: string): string | undefined {
  // The common case. `isIPv4` rejects leading zeros.
  if (isIPv4(text)) return text;
  if (text.length > MAX_LENGTH) return undefined;
  const bare = text
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim();
  const octets = IPV4.exec(bare)?.slice(1, 5).map(Number);
  if (octets) return octets.every((octet) => octet <= 255) ? octets.join('.') : undefined;
  const inner = (/^\[([^\]]*)\](?::\d{1,5})?$/.exec(bare)?.[1] ?? bare).replace(/%.*$/, '');
  if (isIPv4(inner)) return inner;
  return isIPv6(inner) ? shortest(groupsOf(inner)) : undefined;
}

/**
 * The networks that contain an address, narrowest first: /32 and /24 for IPv4; /64, /56 and /48 for IPv6, since a provider gives
 * a customer any of these. Wider networks have a larger factor. Empty when the text is not an address.
 */
export function networksOf(text: string): Network[] {
  const address = canonicalAddress(text);
  if (address === undefined) return [];
  if (isIPv4(address))
    return [
      { name: address, factor: 1 },
      { name: `${address.slice(0, address.lastIndexOf('.'))}.0/24`, factor: 4 },
    ];
  const [a = 0, b = 0, c = 0, d = 0] = groupsOf(address);
  const prefix = (last: number) => [a, b, c, last].map((group) => group.toString(16)).join(':');
  return [
    { name: `${prefix(d)}::/64`, factor: 1 },
    { name: `${prefix(d & 0xff00)}::/56`, factor: 4 },
    { name: `${prefix(0)}::/48`, factor: 8 },
  ];
}

/**
 * The network that a fair queue counts as one requester: an IPv4 address, or an IPv6 /56, the smallest network that a provider
 * should give a customer (https://www.rfc-editor.org/rfc/rfc6177). The text itself when it is not an address.
 */
export function customerNetwork(text: string): string {
  const [narrowest, wider] = networksOf(text);
  return (narrowest?.name.includes(':') ? wider : narrowest)?.name ?? text;
}

/** The narrowest of `networksOf`; the text itself when it is not an address. */
export function networkOf(text: string): string {
  return networksOf(text)[0]?.name ?? text;
}

/** The eight groups of an address that `isIPv6` accepts. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const read = (part: string | undefined) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const [first, last] = [read(head), read(tail)];
  return [...first, ...Array<number>(Math.max(0, 8 - first.length - last.length)).fill(0), ...last];
}

/** The form of RFC 5952; an IPv4-mapped address (::ffff:0:0/96) becomes its IPv4 address. */
function shortest(groups: number[]): string {
  const [, , , , , sixth = 0, high = 0, low = 0] = groups;
  if (sixth === 0xffff && groups.slice(0, 5).every((group) => group === 0))
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1);
}
