import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoaError } from '../../src/errors.ts';
import { contains, parseAddress, parseNetwork } from '../../src/net/address.ts';
import { parseAuthority, portOf } from '../../src/net/authority.ts';

describe('an address', () => {
  test.each([
    ['1.2.3.4', 4, 0x01020304n],
    ['255.255.255.255', 4, 0xffff_ffffn],
    ['::', 6, 0n],
    ['::1', 6, 1n],
    ['[::1]', 6, 1n], // as URLs have it
    ['fe80::1%eth0', 6, 0xfe80_0000_0000_0000_0000_0000_0000_0001n], // as getaddrinfo has it
    ['1:2:3:4:5:6:7:8', 6, 0x0001_0002_0003_0004_0005_0006_0007_0008n],
    ['64:ff9b::10.0.0.1', 6, 0x0064_ff9b_0000_0000_0000_0000_0a00_0001n],
    ['::ffff:1.2.3.4', 4, 0x01020304n], // the IPv4 address it reaches
    ['::ffff:102:304', 4, 0x01020304n],
    ['::1.2.3.4', 6, 0x01020304n], // IPv4-compatible is not IPv4-mapped
  ])('%s is read', (text, family, value) => {
    expect(parseAddress(text)).toEqual({ family, value });
  });

  test.each([
    '',
    'localhost',
    '1.2.3',
    '01.2.3.4',
    '1.2.3.256',
    '0x7f.1',
    '::1::',
    '[::1',
    '[1.2.3.4]',
    '1.2.3.4/8',
  ])('%j is none', (text) => expect(parseAddress(text)).toBeUndefined());

  test('agrees with how URLs normalize it', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(parseAddress(new URL(`http://[${text}]/`).hostname)).toEqual(parseAddress(text));
      }),
    );
  });

  test('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseAddress(text)));
    fc.assert(fc.property(fc.stringMatching(/^[0-9a-f:.%[\]/]*$/), (text) => void parseNetwork(text)));
  });
});

describe('a network', () => {
  test.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.1.2.3/8', '10.9.9.9', true], // bits beyond the prefix do not count
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '1.2.3.4', false],
    ['1.2.3.4/32', '1.2.3.4', true],
    ['1.2.3.4/32', '1.2.3.5', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['::ffff:10.0.0.0/104', '10.0.0.1', true], // 104 of the 128 bits are 8 of the 32
    ['::ffff:10.0.0.0/104', '11.0.0.1', false],
  ])('%s holds %s: %j', (network, address, held) => {
    expect(contains(parseNetwork(network)!, parseAddress(address)!)).toBe(held);
  });

  test.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '::/129',
    '/8',
    'a/8',
    '1.2.3.4/8/8',
    '[::1]/128',
  ])('%j is none', (text) => expect(parseNetwork(text)).toBeUndefined());

  test('of all bits holds its own address and no other', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), (a, b) => {
        expect(contains(parseNetwork(`${a}/32`)!, parseAddress(b)!)).toBe(a === b);
      }),
    );
  });
});

describe('a host of the settings', () => {
  test.each([
    ['goproxy.io', { host: 'goproxy.io' }],
    ['GoProxy.IO:8443', { host: 'goproxy.io', port: 8443 }],
    ['goproxy.io:443', { host: 'goproxy.io', port: 443 }], // default ports are kept
    ['127.0.0.1:3000', { host: '127.0.0.1', port: 3000 }],
    ['::1', { host: '[::1]' }],
    ['[::1]', { host: '[::1]' }],
    ['[0:0:0:0:0:0:0:1]:3000', { host: '[::1]', port: 3000 }],
    ['bücher.example', { host: 'xn--bcher-kva.example' }],
  ])('%s is read', (text, authority) => {
    expect(parseAuthority(text)).toEqual(authority);
  });

  test.each([
    '',
    ':80',
    'a:b',
    'a:0',
    'a:65536',
    'a b',
    'https://a',
    'a/b',
    'u@a',
    'a?b',
    'a#b',
    '[::1',
    '[a]',
    'a:1:2',
  ])('%j is none', (text) =>
    expect(() => parseAuthority(text)).toThrow(`not a host or host:port: ${JSON.stringify(text)}`),
  );

  test('is what a URL with it asks', () => {
    fc.assert(
      fc.property(fc.webAuthority({ withPort: true, withIPv4: true, withIPv6: true }), (text) => {
        const url = new URL(`http://${text}/`);
        let authority: ReturnType<typeof parseAuthority>;
        try {
          authority = parseAuthority(text);
        } catch (error) {
          // The parts of the generator's range that are no port to dial: none and 0.
          expect(isStoaError(error, 'config') && /:0*$/.test(text)).toBe(true);
          return;
        }
        expect(authority.host).toBe(url.hostname);
        expect(authority.port ?? 80).toBe(portOf(url));
      }),
    );
  });
});
