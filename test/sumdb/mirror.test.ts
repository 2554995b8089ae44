import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { errorKinds, StoaError } from '../../src/errors.ts';
import { formatModuleVersion, type ModuleVersion } from '../../src/module/version.ts';
import type { SumdbClient } from '../../src/sumdb/client.ts';
import { parseDatabaseList } from '../../src/sumdb/database-list.ts';
import { createDatabases } from '../../src/sumdb/databases.ts';
import { createMirror, type Mirror } from '../../src/sumdb/mirror.ts';
import { formatSums } from '../../src/sumdb/sums.ts';
import { sumsOf } from '../fakes/sumdb.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { requireTool } from '../setup/require.ts';
import { type Bed, calm, openBed } from './bed.ts';

const hello = { path: 'example.com/Hello', version: 'v1.0.0' };
const at = (target: string) => `sum.example.com/${target}`;

/** The mirror of a process over the storage of the bed. */
function mirrorOf(bed: Bed, patterns: { noSumdb?: string; private?: string; rules?: string } = {}): Mirror {
  const { noSumdb = '', private: privates = '', rules = '' } = patterns;
  const open = ({ name }: { name: string }): SumdbClient => ({ ...bed.open(), name });
  const list = parseDatabaseList(`${rules}${bed.fake.verifierKey}`);
  return createMirror(createDatabases({ list, noSumdb, private: privates, open }));
}

async function ask(mirror: Mirror, path: string): Promise<{ text: string; type: string; maxAge: number }> {
  const { body, type, maxAge } = await mirror.answer(mirror.parse(path), calm());
  return { text: body.toString('latin1'), type, maxAge };
}

describe('the mirror of a database', () => {
  test('says itself that there is one', async () => {
    const bed = await openBed();
    expect(await ask(mirrorOf(bed), at('supported'))).toMatchObject({ text: '', maxAge: 3600 });
    expect(bed.fake.requests).toEqual([]);
  });

  test('passes on what was proved, and has it from then on', async () => {
    const bed = await openBed({ modules: [hello] });
    bed.fake.grow(300);
    const mirror = mirrorOf(bed);
    const paths = [
      'lookup/example.com/!hello@v1.0.0',
      'tile/8/0/000',
      'tile/8/0/001.p/44',
      'tile/8/0/001.p/45',
    ].map(at);
    const answers = [];
    for (const path of paths) answers.push(await ask(mirror, path));
    expect(answers.map(({ type, maxAge }) => `${type} ${maxAge}`)).toEqual([
      'text/plain; charset=UTF-8 86400',
      'application/octet-stream 31536000',
      'application/octet-stream 86400',
      'application/octet-stream 86400',
    ]);
    await bed.fake.stop();
    const offline = mirrorOf(bed);
    for (const [i, path] of paths.entries()) expect(await ask(offline, path)).toEqual(answers[i]);
    expect((await ask(offline, at('latest'))).text).toContain('\n301\n');
  });

  test('has what is in memory at once', async () => {
    const bed = await openBed({ modules: [hello] });
    const mirror = mirrorOf(bed);
    const targets = ['lookup/example.com/!hello@v1.0.0', 'tile/8/0/000.p/1', 'latest'].map((target) =>
      mirror.parse(at(target)),
    );
    expect(targets.map(mirror.quick)).toEqual([undefined, undefined, undefined]);
    const answers = [];
    for (const target of targets) answers.push(await mirror.answer(target, calm()));
    expect(targets.map(mirror.quick)).toEqual([answers[0], answers[1], undefined]);
  });

  test('passes nothing on that is not proved', async () => {
    const bed = await openBed({ modules: [hello] });
    bed.fake.lie({ tells: 'wrong record', sums: sumsOf('forged') });
    await expect(ask(mirrorOf(bed), at('lookup/example.com/!hello@v1.0.0'))).rejects.toMatchObject({
      kind: 'integrity',
    });
  });

  test.each([
    ['private', { private: 'example.com' }],
    ['looked up nowhere', { noSumdb: 'example.com/Hello' }],
    ['looked up elsewhere', { rules: 'example.com/*=sum.golang.org;' }],
  ])('denies what is %s, and asks nobody', async (_, patterns) => {
    const bed = await openBed({ modules: [hello] });
    expect(() => mirrorOf(bed, patterns).parse(at('lookup/example.com/!hello@v1.0.0'))).toThrow(
      expect.objectContaining({ kind: 'denied', message: expect.stringContaining('set GONOSUMDB') }),
    );
    expect(bed.fake.requests).toEqual([]);
  });

  test.each([
    ['sum.golang.org/supported', 'notFound', 'another database'],
    ['sum.example.com', 'notFound', 'no target'],
    ['sum.example.computer/latest', 'notFound', 'a longer name'],
    [at(''), 'malformed', 'an empty target'],
    [at('latest/'), 'malformed', 'more than a target'],
    [at('lookup/example.com/m'), 'malformed', 'no version'],
    [at('lookup/example.com/Hello@v1.0.0'), 'malformed', 'a path that is not escaped'],
    [at('lookup/example.com/m@v2.0.0'), 'malformed', 'a version of another path'],
    [at('lookup/example.com/m@main'), 'malformed', 'a branch'],
    [at('lookup/example.com/m@v1.0.0/go.mod'), 'malformed', 'a file'],
    [at('tile/8/0/0'), 'malformed', 'no tile'],
    [at('tile/4/0/000'), 'notFound', 'a tile of another height'],
    [at('tile/8/data/000'), 'notFound', 'records'],
  ])('%s is %s: %s', async (path, kind) => {
    const mirror = mirrorOf(await openBed());
    expect(() => mirror.parse(path)).toThrow(expect.objectContaining({ kind }));
  });
});

describe.skipIf(requireTool('go') === undefined)("the go command's own client", () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  const versions = Array.from({ length: 30 }, (_, i) => ({ path: 'example.com/m', version: `v1.0.${i}` }));
  const linesOf = (version: ModuleVersion) =>
    formatSums(version, sumsOf(formatModuleVersion(version)))
      .trimEnd()
      .split('\n');

  async function lookUp(url: string, bed: Bed, asked: readonly ModuleVersion[], latest = '') {
    const list = asked.map(({ path, version }) => [path, version]);
    const [answer] = await oracle.ask([['lookUp', url, bed.fake.verifierKey, latest, list]]);
    return (answer as { ok: { lines: string[][]; latest: string; security: string } }).ok;
  }

  /** A log that grew between the look-ups of a process, and the mirror of another one after the database went away. */
  async function openOffline() {
    const bed = await openBed();
    const online = mirrorOf(bed);
    const heads: string[] = [];
    for (const [i, version] of versions.entries()) {
      bed.fake.grow([0, 1, 37, 255, 700][i % 5]!);
      bed.fake.add(version);
      const { text } = await ask(online, at(`lookup/example.com/m@${version.version}`));
      heads.push(Buffer.from(text.slice(text.indexOf('\n\n') + 2), 'latin1').toString());
    }
    bed.fake.grow(500);
    const newer = await (await fetch(`${bed.fake.url}/latest`)).text();
    await bed.fake.stop();
    return { bed, heads, newer, url: await serve(mirrorOf(bed)) };
  }

  test('is served offline whatever was seen, in any order', async () => {
    const { bed, url } = await openOffline();
    for (const asked of [versions, versions.toReversed(), shuffled]) {
      const answer = await lookUp(url, bed, asked);
      expect(answer).toMatchObject({ lines: asked.map(linesOf), security: '' });
    }
  });

  test('is served offline when its own head is one that was seen here', async () => {
    const { bed, heads, url } = await openOffline();
    for (const head of heads)
      expect((await lookUp(url, bed, shuffled, head)).lines).toEqual(shuffled.map(linesOf));
  });

  test('is told that something is missing, and nothing worse, when its own head is newer', async () => {
    const { bed, newer, url } = await openOffline();
    const { lines, security } = await lookUp(url, bed, [versions[0]!], newer);
    expect(lines.flat()).toEqual([expect.stringContaining('502'), expect.stringContaining('502')]);
    expect(security).toBe('');
  });

  test('is served what it does not know yet while the database is there', async () => {
    const bed = await openBed({ modules: versions });
    bed.fake.grow(1000);
    const url = await serve(mirrorOf(bed));
    const head = await (await fetch(`${bed.fake.url}/latest`)).text();
    bed.fake.grow(1000);
    expect((await lookUp(url, bed, versions, head)).lines).toEqual(versions.map(linesOf));
  });

  const shuffled = versions.toSorted((a, b) => sumsOf(a.version).zip.localeCompare(sumsOf(b.version).zip));
});

/** The mirror behind HTTP: the URL of its database. */
async function serve(mirror: Mirror): Promise<string> {
  const server = createServer(async (request, response) => {
    try {
      const target = mirror.parse(decodeURIComponent(request.url!).slice('/sumdb/'.length));
      response.end((await mirror.answer(target, calm())).body);
    } catch (error) {
      const kind = error instanceof StoaError ? error.kind : 'internal';
      response.writeHead(errorKinds[kind].status).end(String(error));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/sumdb/sum.example.com`;
}
