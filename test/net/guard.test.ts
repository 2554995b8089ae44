import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createNamedHosts, privateRange, privateRangeByName } from '../../src/net/guard.ts';
import { failure, openAsker, openOrigin } from './origin.ts';

describe('the range of an address', () => {
  test.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'], // "this network" reaches the own machine on some systems
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.255.255', 'private'],
    ['100.64.0.1', 'shared (carrier-grade NAT)'],
    ['100.100.100.200', 'shared (carrier-grade NAT)'], // the metadata service of Alibaba Cloud
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'link-local'], // the metadata service of most clouds
    ['168.63.129.16', 'cloud metadata'], // of Azure; a public address by its number
    ['192.0.0.192', 'reserved'], // of Oracle Cloud
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', 'reserved'],
    ['198.18.0.1', 'benchmarking'],
    ['198.51.100.7', 'documentation'],
    ['203.0.113.7', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::127.0.0.1', 'reserved'], // IPv4-compatible
    ['::ffff:127.0.0.1', 'loopback'], // IPv4-mapped
    ['::ffff:169.254.169.254', 'link-local'],
    ['64:ff9b::10.0.0.1', 'private'], // NAT64
    ['64:ff9b:1::8.8.8.8', 'private'], // NAT64 of the own network
    ['2002:a00:1::1', 'private'], // 6to4 of 10.0.0.1
    ['2002:7f00:1::', 'loopback'],
    ['2001::1', 'reserved'], // Teredo
    ['2001:db8::1', 'documentation'],
    ['3fff::1', 'documentation'],
    ['fc00::1', 'private'],
    ['fd00:ec2::254', 'private'], // the metadata service of Amazon
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fec0::1', 'private'],
    ['ff02::1', 'multicast'],
    ['100::1', 'reserved'], // the discard prefix
    ['5f00::1', 'reserved'], // segment routing
    ['localhost', 'unreadable'], // no address at all: not to be dialled
  ])('%s is %s', (address, range) => {
    expect(privateRange(address)).toBe(range);
  });

  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '168.63.129.17',
    '192.169.0.0',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '2002:808:808::1', // 6to4 of 8.8.8.8
    '64:ff9b::8.8.8.8',
    '::ffff:8.8.8.8',
  ])('%s is public', (address) => {
    expect(privateRange(address)).toBeUndefined();
  });

  test('of a mapped address is that of the address in it', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(privateRange(`::ffff:${address}`)).toBe(privateRange(address));
        expect(privateRange(`64:ff9b::${address}`)).toBe(privateRange(address));
      }),
    );
  });

  test('is one for every text that is no address', () => {
    fc.assert(fc.property(fc.domain(), (name) => privateRange(name) === 'unreadable'));
  });
});

describe('a name that a proxy looks up', () => {
  test.each([
    ['localhost', 'private'],
    ['a.localhost', 'private'],
    ['intranet', 'private'], // a name without a dot
    ['git.corp', 'private'],
    ['metadata.google.internal', 'private'],
    ['metadata.google.internal.', 'private'],
    ['printer.local', 'private'],
    ['nas.home.arpa', 'private'],
    ['nas.home.arpa.', 'private'],
    ['169.254.169.254', 'link-local'],
    ['[::1]', 'loopback'],
  ])('%s is %s', (name, range) => {
    expect(privateRangeByName(name)).toBe(range);
  });

  test.each(['github.com', 'internal.example.com', 'corp.example', 'home.arpa.example', '1.1.1.1'])(
    '%s may be public',
    (name) => {
      expect(privateRangeByName(name)).toBeUndefined();
    },
  );
});

describe('a named host', () => {
  const isNamed = createNamedHosts(['Proxy.Example.com', '10.0.0.5:3000', '[fd00::1]', '::1']);

  test.each([
    ['proxy.example.com', 443, true],
    ['proxy.example.com', 8080, true], // all ports of an entry without one
    ['sub.proxy.example.com', 443, false],
    ['10.0.0.5', 3000, true],
    ['10.0.0.5', 22, false],
    ['[fd00::1]', 443, true],
    ['[::1]', 80, true],
    ['[::2]', 80, false],
  ])('%s at port %i: %j', (host, port, named) => {
    expect(isNamed(host, port)).toBe(named);
  });
});

describe('the guard', () => {
  const resolveTo = (...addresses: string[]) => {
    return async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };

  test('lets a private address be dialled only for a host that is named', async () => {
    const origin = await openOrigin((_, response) => response.end('inside'));
    const url = new URL(`http://localhost:${origin.url.port}/`);
    const resolve = resolveTo('127.0.0.1');
    const named = openAsker({ namedHosts: [`localhost:${origin.url.port}`], resolve });
    expect(await text((await named.get(url)).body)).toBe('inside');
    const stranger = openAsker({ namedHosts: ['localhost:1'], resolve });
    expect(await failure(stranger.get(url))).toMatchObject({
      kind: 'upstream',
      message:
        'localhost: refused to connect to a loopback address; only hosts named in the settings may have one',
    });
    expect(stranger.waits).toEqual([]);
    expect(origin.connections()).toBe(1);
  });

  test.each([
    'http://127.0.0.1/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://[::ffff:7f00:1]/',
    'http://[::1]/',
  ])('knows the address in %s', async (url) => {
    expect(await failure(openAsker({ namedHosts: [] }).get(url))).toMatchObject({
      message: expect.stringContaining(': refused to connect to a loopback address;'),
    });
  });

  test('checks every address of a name', async () => {
    const { get } = openAsker({
      namedHosts: [],
      resolve: resolveTo('10.0.0.1', 'fd00::1', '::ffff:10.0.0.1'),
    });
    expect(await failure(get('http://localhost/'))).toMatchObject({
      message: expect.stringContaining('refused to connect to a private address'),
    });
  });

  test('knows a named IPv6 address', async () => {
    const error = await failure(openAsker({ namedHosts: ['::1'] }).get('http://[::1]:1/'));
    expect(error.message).not.toContain('refused to connect to');
  });
});
