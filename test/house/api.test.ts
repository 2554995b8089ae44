import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRoutes, type Route } from '../../src/http/routes.ts';
import { type Stoa, startStoa, withoutFreshness } from '../fakes/stoa.ts';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';
import { noSumdb } from '../http/harness.ts';
import { codeIn, pageNamed, tableOf } from './markdown.ts';
import { readFiles, root } from './source.ts';

const page = pageNamed('docs/api.md');

/** Every kind of route; the type checker holds the list against the code. */
const kinds: Readonly<Record<Route['kind'], true>> = {
  list: true,
  latest: true,
  query: true,
  info: true,
  mod: true,
  zip: true,
  home: true,
  healthz: true,
  readyz: true,
  version: true,
  robots: true,
  metrics: true,
  sumdb: true,
  other: true,
};

/** Headers that belong to HTTP itself: who is asked, and how long the body of a request is. */
const ofHttp = ['host', ':authority', 'content-length', 'transfer-encoding'];

/** Headers that Node writes. */
const ofNode = ['connection', 'date', 'keep-alive', 'transfer-encoding'];

describe('docs/api.md', () => {
  const rows = [...page.text.matchAll(/^\| `(\/[^`]*)` \| `(\w+)` \|/gm)].map(
    ([, path, kind]) => [path!, kind!] as const,
  );

  test.each(rows)('has %s as it is routed', (path, kind) => {
    const url = path
      .replace('<module>', 'example.com/hello')
      .replace('<database>', 'sum.example.com')
      .replace('<query>', 'main')
      .replace('<version>', 'v1.0.0')
      .replace('<anything else>', 'favicon.ico');
    expect(createRoutes({ prefix: '', maxUrlLength: 4096, sumdb: noSumdb })(url).kind).toBe(kind);
  });

  test('has every kind of route', () => {
    expect(new Set(rows.map(([, kind]) => kind))).toEqual(new Set(Object.keys(kinds)));
  });

  test('has exactly the headers that are read', () => {
    const text = readFiles(['src/http'], ['.ts'])
      .map((file) => file.text)
      .join('\n');
    const read = [
      ...text.matchAll(/\bheaders\.([a-z]+)|\bheaders\['([\w-]+)'\]|\bheader\(incoming, '([:\w-]+)'\)/g),
    ]
      .map(([, name, quoted, asked]) => name ?? quoted ?? asked!)
      .concat(/viaHeader = '([\w-]+)'/.exec(readFileSync(join(root, 'src/fetch/loop.ts'), 'utf8'))![1]!)
      .filter((name) => !ofHttp.includes(name));
    expect(documented('what it does')).toEqual([...new Set(read)].sort());
  });

  test('tells that /metrics can be turned off', async () => {
    await using quiet = await startStoa({ upstream: 'off', env: { STOA_METRICS_ENABLED: 'false' } });
    const answer = await fetch(`${quiet.url}/metrics`);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe('not found: metrics are turned off here (metrics.enabled)\n');
  });
});

describe('the answers of a server', () => {
  let upstream: FakeUpstream;
  let stoa: Stoa;
  beforeAll(async () => {
    const versions = Array.from({ length: 300 }, (_, i) => `v1.0.${i}\n`).join('');
    upstream = await startUpstream({
      modules: [{ path: 'example.com/hello', versions: { 'v1.0.0': {}, 'v1.0.1': {} }, list: versions }],
    });
    stoa = await startStoa({
      upstream: upstream.url,
      env: { ...withoutFreshness, STOA_NET_RETRIES: '0' },
    });
  });
  afterAll(async () => {
    await stoa[Symbol.asyncDispose]();
    await upstream.close();
  });

  test('have exactly the headers of docs/api.md', async () => {
    const seen = new Set<string>();
    const ask = async (path: string, status: number, headers = {}, method = 'GET') => {
      const answer = await exchange(`${stoa.url}${path}`, method, headers);
      expect(answer.status, path).toBe(status);
      for (const name of answer.headers) if (!ofNode.includes(name)) seen.add(name);
    };
    const zip = '/example.com/hello/@v/v1.0.0.zip';
    await ask('/', 200);
    await ask('/readyz', 200);
    await ask('/', 405, {}, 'POST');
    await ask(zip, 200);
    await ask(zip, 206, { range: 'bytes=0-9' });
    await ask(zip, 416, { range: 'bytes=999999-' });
    await ask('/example.com/hello/@v/list', 200, { 'accept-encoding': 'gzip' });
    await ask('/example.com/unknown/@v/list', 404);
    upstream.fault(/./, { do: 'answer', status: 503, headers: { 'retry-after': '7' } });
    await ask('/example.com/hello/@v/v1.0.1.info', 502);
    await ask('/example.com/hello/@v/list', 200);
    expect([...seen].sort()).toEqual(documented('what it says'));
  });
});

/** The names in the first column of a table of headers, in lower case. */
function documented(second: string): string[] {
  return tableOf(page, 'header', second)
    .map(([name]) => codeIn(name!)[0]!.toLowerCase())
    .sort();
}

/** The status and the names of the headers, without what a friendlier client adds or hides. */
function exchange(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number | undefined; headers: string[] }> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers }, (answer) => {
      answer
        .resume()
        .on('end', () => resolve({ status: answer.statusCode, headers: Object.keys(answer.headers) }));
    })
      .on('error', reject)
      .end();
  });
}
