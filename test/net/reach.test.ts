import { describe, expect, test } from 'vitest';
import { createReach, type ReachOptions } from '../../src/net/reach.ts';
import { failure } from './origin.ts';

/** Names with their addresses, as a name service has them; others do not exist. */
const names: Readonly<Record<string, readonly string[]>> = {
  'git.example': ['192.0.43.7', '2001:500:88:200::7'],
  'mixed.example': ['10.0.0.1', '192.0.43.7', 'fd00::1'],
  'inside.example': ['10.0.0.1'],
  '0x7f.1': ['127.0.0.1'],
};

function reach(url: string, options: ReachOptions = {}, signal = new AbortController().signal) {
  const resolve = async (name: string) => {
    const addresses = names[name];
    if (addresses === undefined) throw Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return createReach({ resolve, ...options })(new URL(url), signal);
}

describe('a program that dials itself', () => {
  test.each<[url: string, addresses: string[]]>([
    ['https://git.example/r', ['192.0.43.7', '2001:500:88:200::7']],
    ['ssh://git@git.example:2222/r', ['192.0.43.7', '2001:500:88:200::7']],
    ['https://mixed.example/r', ['192.0.43.7']], // only what is public
    ['https://192.0.43.7/r', ['192.0.43.7']],
    ['https://[2001:500:88:200::7]/r', ['2001:500:88:200::7']],
  ])('reaches %s at the addresses that were checked', async (url, addresses) => {
    expect(await reach(url)).toEqual({ addresses });
  });

  test.each<[url: string, range: string]>([
    ['https://inside.example/r', 'private'],
    ['ssh://inside.example/r', 'private'],
    ['https://169.254.169.254/latest', 'link-local'],
    ['ssh://127.0.0.1/r', 'loopback'],
    ['ssh://0x7f.1/r', 'loopback'], // what a name service makes an address of
    ['https://[::ffff:10.0.0.1]/r', 'private'],
  ])('does not reach %s', async (url, range) => {
    expect(await failure(reach(url))).toMatchObject({
      kind: 'upstream',
      message: `${new URL(url).host}: refused to connect to a ${range} address; only hosts named in the settings may have one`,
    });
  });

  test('reaches the hosts that the settings name wherever they are', async () => {
    const namedHosts = ['inside.example:443', 'mixed.example'];
    expect(await reach('https://inside.example/r', { namedHosts })).toEqual({ addresses: ['10.0.0.1'] });
    expect(await reach('ssh://mixed.example/r', { namedHosts })).toEqual({
      addresses: ['10.0.0.1', '192.0.43.7', 'fd00::1'],
    });
    expect(await failure(reach('ssh://inside.example/r', { namedHosts }))).toMatchObject({
      kind: 'upstream',
    });
  });

  test('is told that a host does not exist', async () => {
    expect(await failure(reach('https://none.example/r'))).toMatchObject({
      kind: 'upstream',
      message: 'none.example: no such host',
    });
  });

  test('gets few of many addresses', async () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ address: `192.0.43.${i}`, family: 4 }));
    const way = await reach('https://many.example/r', { resolve: async () => many });
    expect(way).toHaveProperty('addresses.length', 8);
  });

  test('does not wait for a name service once it gave up', async () => {
    const giveUp = new AbortController();
    const asked = reach('https://git.example/r', { resolve: () => new Promise(() => {}) }, giveUp.signal);
    giveUp.abort();
    expect(await failure(asked)).toMatchObject({ kind: 'canceled' });
    expect(await failure(reach('https://git.example/r', {}, AbortSignal.abort()))).toMatchObject({
      kind: 'canceled',
    });
  });
});

describe('behind a proxy', () => {
  const proxy = { https: 'http://user:pass@proxy.example:3128', no: '.direct.example' };
  const options = { proxy, namedHosts: ['git.corp'] };

  test('the proxy is reached, and nothing is looked up', async () => {
    const way = await reach('https://unknown.example/r', options);
    expect(way).toHaveProperty('proxy.href', 'http://user:pass@proxy.example:3128/');
    expect(await reach('https://git.corp/r', options)).toHaveProperty('proxy');
  });

  test.each([
    'https://other.corp/r',
    'https://metadata.google.internal/',
    'https://10.0.0.1/r',
    'https://build/r',
  ])('%s is refused by its name', async (url) => {
    expect(await failure(reach(url, options))).toMatchObject({ message: expect.stringContaining('refused') });
  });

  test('ssh and the exempt hosts go without it', async () => {
    expect(await reach('ssh://git.example/r', options)).toHaveProperty('addresses');
    expect(await failure(reach('https://a.direct.example/r', options))).toMatchObject({
      message: 'a.direct.example: no such host',
    });
  });
});
