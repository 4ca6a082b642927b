import { describe, expect, test } from 'vitest';
import { checkSourceAddress, guardedLookup, isPublicAddress } from './address-guard.ts';

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return null;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe('SSRF: addresses outside the public Internet are not connected to', () => {
  test.each([
    // this host, private networks, carrier-grade NAT
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    // link-local, with the metadata services of clouds
    '169.254.169.254',
    'fe80::1',
    'fd00:ec2::254',
    // for documentation, benchmarks, protocols; multicast, reserved, broadcast
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '192.88.99.1',
    // this host and private ones in IPv6
    '::',
    '::1',
    'fc00::1',
    'fec0::1',
    'ff02::1',
    '100::1',
    // IPv6 that carries an IPv4 address: mapped, compatible, NAT64, 6to4, Teredo
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001:0:7f00:1::1',
    '2001:db8::1',
    '3fff::1',
    // not addresses at all
    '',
    'localhost',
    '127.1',
    '0x7f000001',
    '2130706433',
  ])('%s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '192.0.1.1',
    '2606:4700:4700::1111',
    '2a00:1450::1',
  ])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe('SSRF: what may be given as the address of a source', () => {
  test.each([
    ['http://desk.example/export', 'plain http'],
    ['ftp://desk.example/', 'another protocol'],
    ['file:///etc/passwd', 'a file'],
    ['desk.example', 'no URL'],
    ['https://user:secret@desk.example/', 'credentials'],
    ['https://desk.example/?token=1', 'a query'],
    ['https://desk.example/#a', 'a fragment'],
    ['https://127.0.0.1/', 'loopback'],
    ['https://2130706433/', 'loopback as a number'],
    ['https://0x7f.1/', 'loopback in hexadecimal'],
    ['https://0177.0.0.1/', 'loopback in octal'],
    ['https://169.254.169.254/latest/', 'a metadata service'],
    ['https://[::1]/', 'loopback in IPv6'],
    ['https://[::ffff:10.0.0.1]/', 'IPv4 in IPv6'],
    ['http://allowed.example:81/', 'another port of an allowed host and port'],
  ])('%s is refused: %s', (address) => {
    expect(codeOf(() => checkSourceAddress(address, ['allowed.example:80']))).toBe('SOURCE_ADDRESS_REFUSED');
  });

  test.each([
    ['https://desk.example/export', []],
    ['https://desk.example:8443/', []],
    ['https://1.1.1.1/', []],
    ['http://127.0.0.1:8090/export', ['127.0.0.1']],
    ['http://127.0.0.1:8090/export', ['127.0.0.1:8090']],
    ['https://10.1.2.3/', ['10.1.2.3']],
    ['http://[::1]:80/', ['[::1]']],
  ])('%s is taken where %j is allowed', (address, allowed) => {
    expect(checkSourceAddress(address, allowed).href).toContain(new URL(address).host);
  });

  test('a name that leads to a private address is refused when it is connected to (DNS rebinding)', async () => {
    const look = (allowed: string[], all: boolean): Promise<unknown> =>
      new Promise((resolve) => {
        const lookup = guardedLookup(new URL('https://localhost/'), allowed);
        lookup('localhost', { all }, (error, address) => {
          resolve(error === null ? address : (error as { code?: unknown }).code);
        });
      });
    expect(await look([], true)).toBe('SOURCE_ADDRESS_REFUSED');
    expect(await look([], false)).toBe('SOURCE_ADDRESS_REFUSED');
    expect(await look(['localhost'], false)).toMatch(/^(?:127\.0\.0\.1|::1)$/);
  });
});
