import { lookup as resolve, type LookupAddress } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { SourceError } from './source-error.ts';

/** Hosts that may be read although they are private or speak plain http: `name` or `name:port`, as an operator configured them. */
export type AllowedHosts = readonly string[];

const NOT_PUBLIC_V4: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // link-local: the metadata services of clouds among them
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // multicast, reserved, broadcast
  ['224.0.0.0', 3],
];
/** Within the global unicast addresses: those that carry an IPv4 address, and those for examples. */
const NOT_PUBLIC_V6: readonly [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const notPublic = new BlockList();
for (const [net, bits] of NOT_PUBLIC_V4) notPublic.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of NOT_PUBLIC_V6) notPublic.addSubnet(net, bits, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Whether an IP address is one of the public Internet; everything else is what a requester must not reach. */
export function isPublicAddress(address: string): boolean {
  if (isIPv6(address)) return globalUnicast.check(address, 'ipv6') && !notPublic.check(address, 'ipv6');
  return isIP(address) === 4 && !notPublic.check(address, 'ipv4');
}

const refused = (why: string): SourceError =>
  new SourceError(
    'SOURCE_ADDRESS_REFUSED',
    `The source's address ${why}. Give the public https address of the help desk's export API.`,
  );

function isAllowed(url: URL, allowed: AllowedHosts): boolean {
  return allowed.some((host) => host === url.hostname || host === url.host);
}

/**
 * The address of a source as it may be read: https and without credentials, query or fragment; http and private hosts only where an
 * operator allows the host. Names are looked at again when they are resolved, by `guardedLookup`.
 * @throws SourceError SOURCE_ADDRESS_REFUSED
 */
export function checkSourceAddress(address: string, allowed: AllowedHosts): URL {
  if (!URL.canParse(address)) throw refused('is not a URL');
  const url = new URL(address);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused('is not an https URL');
  if (url.username !== '' || url.password !== '') throw refused('holds credentials; the key is given apart');
  if (url.search !== '' || url.hash !== '') throw refused('holds a query or a fragment');
  if (isAllowed(url, allowed)) return url;
  if (url.protocol !== 'https:') throw refused('is not an https URL');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refused('is not one of the public Internet');
  return url;
}

/**
 * How a connection to a source finds its host: a name that stands for any address outside the public Internet is refused at the moment
 * of connecting, so that a name which changes its address does not pass (DNS rebinding).
 */
export function guardedLookup(url: URL, allowed: AllowedHosts): LookupFunction {
  const trusted = isAllowed(url, allowed);
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error: Error | null, found: LookupAddress[]) => {
      if (error !== null) return callback(error, '', 0);
      const [first] = found;
      if (first === undefined || (!trusted && !found.every(({ address }) => isPublicAddress(address)))) {
        return callback(refused('does not lead to the public Internet'), '', 0);
      }
      if (options.all === true) return callback(null, found);
      callback(null, first.address, first.family);
    });
  };
}
