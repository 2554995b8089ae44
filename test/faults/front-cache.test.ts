import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { moduleFixture } from '../fakes/module-zip.ts';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, type Fault, startUpstream } from '../fakes/upstream.ts';
import { type CachingFront, nginx, startFront } from './nginx.ts';
import { createRandom, noise } from './random.ts';

/** Ways to set a cache up, from nginx's own defaults to one that keeps whatever it gets. */
const fronts: readonly (readonly [name: string, directives: readonly string[], keeps: boolean])[] = [
  // HTTP/1.0 to the server, where the end of the connection ends a body, and what Cache-Control says.
  ['by its defaults', [], false],
  [
    'that keeps everything',
    ['proxy_cache_valid any 1h;', 'proxy_ignore_headers Cache-Control Expires Vary;'],
    true,
  ],
  [
    'that keeps everything, over HTTP/1.1',
    [
      'proxy_http_version 1.1;',
      'proxy_set_header Connection "";',
      'proxy_cache_valid any 1h;',
      'proxy_ignore_headers Cache-Control Expires Vary;',
    ],
    true,
  ],
];

const random = createRandom(2000);
const version = 'v1.0.0';
const data = noise(random, 600_000);
const { zip: foreign } = await moduleFixture(
  { path: 'example.com/other', version },
  { files: { 'go.mod': 'module example.com/other\n', 'data.bin': data }, compress: false },
);

/** What the source does to a zip, once. */
const faults: readonly (readonly [name: string, fault: Fault])[] = [
  ['is cut midway', { do: 'truncate', bytes: 300_000, declare: 'full' }],
  ['is reset midway', { do: 'reset', afterBytes: 300_000 }],
  // Nobody but who reads the zip can know.
  ['ends too early, as if that were its end', { do: 'truncate', bytes: 300_000, declare: 'chunked' }],
  ['lacks its last byte, and says so', { do: 'truncate', bytes: 600_000, declare: 'sent' }],
  ['is the zip of another module', { do: 'answer', body: foreign, type: 'application/zip' }],
  ['is that, without a declared length', { do: 'chunked', body: foreign }],
];

describe.skipIf(nginx === undefined).each(fronts)('a caching nginx in front, %s,', (_, directives, keeps) => {
  let folder: string;
  let upstream: FakeUpstream;
  let stoa: Stoa;
  let front: CachingFront;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'front-'));
    const socket = join(folder, 'stoa.sock');
    upstream = await startUpstream();
    stoa = await startStoa({ upstream: upstream.url, env: { STOA_SOCKET: socket, STOA_NET_RETRIES: '0' } });
    front = await startFront(socket, directives);
  });
  afterAll(async () => {
    await front[Symbol.asyncDispose]();
    await stoa[Symbol.asyncDispose]();
    await upstream.close();
    await rm(folder, { recursive: true });
  });

  test('keeps no body that was cut or refused, and the whole one when the source is well again', async () => {
    for (const [i, [what, fault]] of faults.entries()) {
      const path = pathOf(i);
      const files = { 'go.mod': `module ${path}\n`, 'data.bin': data };
      await upstream.add({ path, versions: { [version]: { files, compress: false } } });
      upstream.fault({ kind: 'zip', module: path }, fault, 1);
      const got = await front.get(targetOf(i));
      expect(got.status === 200 && got.whole, `the zip ${what}: ${got.status}`).toBe(false);
      expect(await keptAsGood(), `kept when the zip ${what}`).toEqual([]);
    }

    // A verdict is remembered for a minute, and so is its answer: another process and another key know of neither.
    await stoa.kill();
    await stoa.start();
    for (const [i, [what]] of faults.entries()) {
      const { zip } = upstream.fixture(pathOf(i), version);
      for (const again of ['?1', '?1', '?2', '?2']) {
        const got = await front.get(`${targetOf(i)}${again}`);
        expect(got.status, `after the zip ${what}: ${got.body.toString('latin1', 0, 200)}`).toBe(200);
        expect(got.whole && got.body.equals(zip), what).toBe(true);
      }
      expect(upstream.count({ kind: 'zip', module: pathOf(i) }), what).toBe(2);
    }
    const whole = faults.map((_, i) => upstream.fixture(pathOf(i), version).zip);
    const kept = await keptAsGood();
    expect(kept.filter((body) => !whole.some((zip) => zip.equals(body)))).toEqual([]);
    expect(kept.length).toBe(keeps ? 2 * faults.length : 0);
  });

  /** The bodies of all answers that were kept as good. */
  async function keptAsGood(): Promise<Buffer[]> {
    const kept = await front.kept();
    return kept.filter(({ status }) => status === 200).map(({ body }) => body);
  }
});

function pathOf(fault: number): string {
  return `example.com/m${fault}`;
}

function targetOf(fault: number): string {
  return `/${pathOf(fault)}/@v/${version}.zip`;
}
