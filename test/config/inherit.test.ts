import { describe, expect, test } from 'vitest';
import { formatUpstreams } from '../../src/config/upstream.ts';
import { load, type Said } from './machine.ts';

function upstream(said: Said): [list: string, source: string] {
  const { settings, sources } = load(said);
  return [formatUpstreams(settings.upstream), sources.get('upstream')!];
}

describe('the upstream that nobody set is', () => {
  const everywhere: Said = {
    env: {
      STOA_UPSTREAM: 'https://stoa.example.com',
      GOMODULES_PROXYURL: 'https://container.example.com',
      GOPROXY: 'https://env.example.com',
    },
    goEnvProxy: 'https://go.example.com,direct',
  };
  const without = (...names: string[]): Said => ({
    ...everywhere,
    env: Object.fromEntries(Object.entries(everywhere.env!).filter(([name]) => !names.includes(name))),
  });

  test.each<[string, Said, string, string]>([
    ['STOA_UPSTREAM, of course', everywhere, 'https://stoa.example.com', 'STOA_UPSTREAM'],
    ['GOMODULES_PROXYURL', without('STOA_UPSTREAM'), 'https://container.example.com', 'GOMODULES_PROXYURL'],
    ['GOPROXY', without('STOA_UPSTREAM', 'GOMODULES_PROXYURL'), 'https://env.example.com', 'GOPROXY'],
    [
      'what the go command says',
      { goEnvProxy: 'https://go.example.com,direct' },
      'https://go.example.com,direct',
      'go env GOPROXY',
    ],
    ['goproxy.io where nothing says anything', {}, 'https://goproxy.io,direct', 'default'],
    [
      'not an empty variable',
      { env: { GOPROXY: '', GOMODULES_PROXYURL: ' ' } },
      'https://goproxy.io,direct',
      'default',
    ],
    ['off where GOPROXY says so', { env: { GOPROXY: 'off' } }, 'off', 'GOPROXY'],
    ['direct where GOPROXY says so', { env: { GOPROXY: 'direct' } }, 'direct', 'GOPROXY'],
    [
      'weaker than the file',
      {
        ...everywhere,
        env: { GOPROXY: 'https://env.example.com' },
        files: { 'stoa.toml': 'upstream = "https://file.example.com"' },
      },
      'https://file.example.com',
      'stoa.toml',
    ],
    [
      'without what stands behind direct, which the go command never asks',
      { env: { GOPROXY: 'direct,https://a.example.com' } },
      'direct',
      'GOPROXY',
    ],
  ])('%s', (_, said, list, source) => {
    expect(upstream(said)).toEqual([list, source]);
  });

  test('asked of the go command only where nothing else says it', () => {
    const goEnvProxy = () => {
      throw new Error('the go command was asked');
    };
    expect(load({ env: { GOPROXY: 'off' }, goEnvProxy } as never).sources.get('upstream')).toBe('GOPROXY');
  });
});

describe('an inherited entry that names this server', () => {
  const url = 'https://goproxy.io';

  test.each<[string, Record<string, string>]>([
    ['http://localhost:3000', {}],
    ['http://LOCALHOST:3000/', {}],
    ['http://127.0.0.1:3000', {}],
    ['http://127.1.2.3:3000', {}],
    ['http://[::1]:3000', {}],
    ['http://0.0.0.0:3000', {}],
    ['http://builder:3000/go', {}], // the name of the machine
    ['http://builder.:3000', {}],
    ['http://proxy.internal:3000', { STOA_HOST: 'proxy.internal' }],
    ['http://localhost', { STOA_PORT: '80' }],
    ['https://localhost', { STOA_PORT: '443' }],
    ['http://localhost:4000', { PORT: '4000' }],
  ])('%s is skipped with a warning, given %j', (own, env) => {
    const { settings, warnings } = load({ env: { ...env, GOPROXY: `${own}|${url},direct` } });
    expect(formatUpstreams(settings.upstream)).toBe(`${url},direct`);
    expect(warnings).toEqual([
      expect.stringMatching(/^GOPROXY: http.* is this server itself; it is skipped$/),
    ]);
  });

  test.each<[string, Record<string, string>]>([
    ['http://localhost:3001', {}], // another port, another server
    ['http://other:3000', {}],
    ['http://localhost', {}],
    ['http://localhost:3000', { STOA_SOCKET: '/run/stoa.sock' }], // we listen on no port
  ])('%s does not, given %j', (other, env) => {
    expect(load({ env: { ...env, GOPROXY: other } }).warnings).toEqual([]);
  });

  test('leaves the list to the next source where no other URL is in it', () => {
    const said = { env: { GOPROXY: 'http://localhost:3000,direct' }, goEnvProxy: 'https://go.example.com' };
    expect(upstream(said)).toEqual(['https://go.example.com', 'go env GOPROXY']);
    expect(upstream({ env: said.env })).toEqual(['https://goproxy.io,direct', 'default']);
  });

  test('is meant where it was set for Stoa', () => {
    const said = { env: { STOA_UPSTREAM: 'http://localhost:3000' } };
    expect(upstream(said)).toEqual(['http://localhost:3000', 'STOA_UPSTREAM']);
    expect(load(said).warnings).toEqual([]);
  });
});

test('an inherited list that Stoa cannot use is passed over with a warning', () => {
  const { settings, warnings } = load({ env: { GOPROXY: 'file:///srv/modules' } });
  expect(formatUpstreams(settings.upstream)).toBe('https://goproxy.io,direct');
  expect(warnings).toEqual([expect.stringMatching(/^GOPROXY: .*; it is not used$/)]);
});
