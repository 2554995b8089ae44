import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModuleZip, moduleFixture } from '../fakes/module-zip.ts';
import { type Stoa, startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, type Fault, startUpstream } from '../fakes/upstream.ts';
import { createRandom, noise } from './random.ts';
import { keysIn, unfinished } from './shelf.ts';

type Kind = 'list' | 'latest' | 'query' | 'info' | 'mod' | 'zip';

/** A lie of the source, and what becomes of a request for what it lies about. */
interface Lie {
  readonly kind: Kind;
  readonly what: string;
  readonly fault: Fault;
  /** What the answer says; where a zip had begun, the answer to the next request. */
  readonly told: RegExp;
  /** The first answer is a reset: it had begun when the lie came out. */
  readonly cut?: true;
  /** No lie but a broken transfer, which nobody alerts on. */
  readonly broken?: true;
}

const data = noise(createRandom(4000), 200_000);
const version = 'v1.0.0';
const other = { path: 'example.com/other', version };
const { zip: foreign } = await moduleFixture(other, {
  files: { 'go.mod': `module ${other.path}\n`, 'data.bin': data },
  compress: false,
});
const smallForeignZip = async () =>
  (await moduleFixture(other, { files: { 'go.mod': `module ${other.path}\n` } })).zip;
const page = '<!DOCTYPE html>\n<title>Please log in</title>\n';
const html: Fault = { do: 'answer', body: page, type: 'text/html' };
const json = (body: string): Fault => ({ do: 'answer', body, type: 'application/json' });
const begun = Buffer.concat([Buffer.from('PK\x03\x04'), data]);

const lies: readonly Lie[] = [
  {
    kind: 'list',
    what: 'a page',
    fault: html,
    told: /sent a list without any version; it begins with "<!DOC/,
  },
  {
    kind: 'list',
    what: 'a list that never ends',
    fault: { do: 'endless', body: 'v1.0.0\n' },
    told: /the answer has more than the \d+ bytes allowed/,
  },
  {
    kind: 'latest',
    what: 'a page',
    fault: html,
    told: /sent an info that is not JSON; it begins with "<!DOC/,
  },
  {
    kind: 'query',
    what: 'what can be no version of the module',
    fault: json('{"Version":"v2.0.0"}'),
    told: /sent an info for "v2\.0\.0", which cannot be a version of this module/,
  },
  {
    kind: 'info',
    what: 'another version',
    fault: json('{"Version":"v1.1.0"}'),
    told: /sent the info of version v1\.1\.0 instead of v1\.0\.0/,
  },
  { kind: 'info', what: 'a page', fault: html, told: /sent an info that is not JSON/ },
  {
    kind: 'info',
    what: 'no end',
    fault: { do: 'endless', body: '{"Version":"' },
    told: /the answer has more than the \d+ bytes allowed/,
  },
  {
    kind: 'info',
    what: 'half of it',
    fault: { do: 'truncate', bytes: 20, declare: 'sent' },
    told: /sent an info that is not JSON/,
  },
  {
    kind: 'info',
    what: 'half of what it declared',
    fault: { do: 'truncate', bytes: 20, declare: 'full' },
    told: /127\.0\.0\.1:\d+/,
    broken: true,
  },
  { kind: 'mod', what: 'a page', fault: html, told: /sent a go\.mod without a module line/ },
  {
    kind: 'mod',
    what: 'no end',
    fault: { do: 'endless', body: 'module example.com/m\n' },
    told: /the answer has more than the \d+ bytes allowed/,
  },
  { kind: 'zip', what: 'a page', fault: html, told: /sent no zip; it begins with "<!DO"/ },
  { kind: 'zip', what: 'nothing', fault: { do: 'answer', body: '' }, told: /sent a zip of 0 bytes/ },
  {
    kind: 'zip',
    what: 'the zip of another module',
    fault: { do: 'answer', body: foreign, type: 'application/zip' },
    told: /example\.com\/other@v1\.0\.0/,
    cut: true,
  },
  {
    kind: 'zip',
    what: 'a zip with a go.mod that is not the .mod',
    fault: {
      do: 'answer',
      body: await buildModuleZip(
        { path: 'example.com/zip-go-mod', version },
        { 'go.mod': 'module example.com/zip-go-mod\n\ngo 1.99\n', 'data.bin': data },
      ),
    },
    told: /sent a zip whose go\.mod is not the \.mod of this version/,
    cut: true,
  },
  {
    kind: 'zip',
    what: 'a zip that ends early, as if that were its end',
    fault: { do: 'truncate', bytes: 100_000, declare: 'sent' },
    told: /zip/,
    cut: true,
  },
  {
    kind: 'zip',
    what: 'the same in chunks',
    fault: { do: 'truncate', bytes: 100_000, declare: 'chunked' },
    told: /zip/,
    cut: true,
  },
  {
    kind: 'zip',
    what: 'less than it declared',
    fault: { do: 'truncate', bytes: 100_000, declare: 'full' },
    told: /127\.0\.0\.1:\d+/,
    cut: true,
    broken: true,
  },
  {
    kind: 'zip',
    what: 'more than is allowed, and says so',
    fault: { do: 'endless', declare: 2 ** 31, body: begun },
    told: /2147483648 bytes, more than the \d+ allowed/,
  },
  {
    kind: 'zip',
    what: 'more than the house allows, and says so',
    fault: { do: 'endless', declare: 3_000_000, body: begun },
    told: /sent a zip of 3000000 bytes, more than 1048576/,
  },
  {
    kind: 'zip',
    what: 'no end',
    fault: { do: 'endless', body: begun },
    told: /sent a zip of \d+ bytes, more than 1048576/,
    cut: true,
  },
];

describe('a source that lies', () => {
  let upstream: FakeUpstream;
  let stoa: Stoa;
  beforeAll(async () => {
    upstream = await startUpstream();
    stoa = await startStoa({
      upstream: upstream.url,
      // The zips here count as large ones, which are shown while they come.
      env: { STOA_NET_RETRIES: '0', STOA_FETCH_MAX_ZIP: '1MiB', STOA_CACHE_MEMORY_FILE: '64KiB' },
    });
  });
  afterAll(async () => {
    await stoa[Symbol.asyncDispose]();
    await upstream.close();
  });

  test.each(lies.map((lie, i) => ({ ...lie, path: pathOf(lie, i) })))(
    '$kind: $what: refused with what was wrong, kept nowhere, counted',
    async ({ kind, path, fault, told, cut, broken }) => {
      const files = { 'go.mod': `module ${path}\n`, 'data.bin': data };
      await upstream.add({
        path,
        versions: { [version]: { files, compress: false } },
        queries: { main: version },
      });
      upstream.fault({ kind, module: path }, fault);
      const before = await counts();

      if (cut) await expect(get(targetOf(kind, path)), 'the first request').rejects.toThrow('terminated');
      const { status, text } = await get(targetOf(kind, path));
      expect(text).toMatch(told);
      expect(text).toMatch(new RegExp(`^${path}[@:].*\n$`));
      expect(status).toBe(502);

      const after = await counts();
      expect(after.failed + after.events).toBeGreaterThan(before.failed + before.events);
      if (!broken) expect(after.events).toBeGreaterThan(before.events);
      const root = join(stoa.data, 'store');
      const kept = [...(await keysIn(root))].filter((key) => key.startsWith(`${path}/`));
      expect(kept.filter((key) => !key.endsWith('.info') && !key.endsWith('.mod'))).toEqual([]);
      expect(kept.filter((key) => key.endsWith(`.${kind}`))).toEqual([]);
      await expect.poll(() => unfinished(root)).toEqual([]);
    },
  );

  test('about a zip that fits into memory is refused with what was wrong at once, without a cut', async () => {
    const path = 'example.com/small';
    const files = { 'go.mod': `module ${path}\n`, 'data.bin': data.subarray(0, 1000) };
    await upstream.add({ path, versions: { [version]: { files } } });
    upstream.fault({ kind: 'zip', module: path }, { do: 'answer', body: await smallForeignZip() });
    const { status, text } = await get(targetOf('zip', path));
    expect(text).toMatch(/^example\.com\/small@v1\.0\.0: /);
    expect(status).toBe(502);
  });

  test('has left nothing behind of what changes, either', async () => {
    const fresh = join(stoa.data, 'store', 'fresh');
    const names = await readdir(fresh, { recursive: true }).catch(() => []);
    expect(names.filter((name) => /@(list|latest|query)/.test(name))).toEqual([]);
  });

  test('and tells the truth later: what it sends is served', async () => {
    const at = lies.findIndex(({ kind, cut }) => kind === 'info' && cut === undefined);
    const path = pathOf(lies[at]!, at);
    upstream.fault({ module: path }, { do: 'delay', ms: 0 });
    expect(await get(targetOf('info', path))).toMatchObject({ status: 200 });
    expect(await get(targetOf('zip', path))).toMatchObject({ status: 200 });
  });

  /** Refusals and failures so far. */
  async function counts(): Promise<{ events: number; failed: number }> {
    const { text } = await get('metrics');
    const sum = (pattern: RegExp) =>
      [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
    return {
      events: sum(/^stoa_events_total\{event="(?:lying_upstream|mismatch)"\} (\d+)$/gm),
      failed: sum(/^stoa_upstream_requests_total\{host="[^"]+",result="failed"\} (\d+)$/gm),
    };
  }

  async function get(target: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`${stoa.url}/${target}`);
    return { status: answer.status, text: await answer.text() };
  }
});

function pathOf({ what }: Lie, i: number): string {
  return what.includes('go.mod') ? 'example.com/zip-go-mod' : `example.com/lie${i}`;
}

function targetOf(kind: Kind, path: string): string {
  if (kind === 'list') return `${path}/@v/list`;
  if (kind === 'latest') return `${path}/@latest`;
  return kind === 'query' ? `${path}/@v/main.info` : `${path}/@v/${version}.${kind}`;
}
