import { describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/storage/store.ts';
import { headKey } from '../../src/sumdb/keys.ts';
import { parseTilePath } from '../../src/sumdb/tile.ts';
import { sumsOf } from '../fakes/sumdb.ts';
import { calm, openBed } from './bed.ts';

const hello = { path: 'example.com/Hello', version: 'v1.0.0' };
const third = { path: 'example.com/third', version: 'v0.1.0' };
const other = { path: 'example.com/other', version: 'v1.2.3' };

describe('a look-up', () => {
  test('gives the two hashes of a version, which the log proves', async () => {
    const bed = await openBed();
    bed.fake.grow(300);
    const sums = bed.fake.add(hello);
    expect(await bed.client.lookup(hello, calm())).toEqual(sums);
    expect(bed.fake.requests.toSorted()).toEqual([
      'lookup/example.com/!hello@v1.0.0',
      'tile/8/0/001.p/45',
      'tile/8/1/000.p/1',
    ]);
  });

  test('needs no tiles that are known', async () => {
    const bed = await openBed({ modules: [hello, other] });
    await bed.client.lookup(hello, calm());
    const asked = bed.fake.requests.length;
    await bed.client.lookup(other, calm());
    expect(bed.fake.requests.slice(asked)).toEqual(['lookup/example.com/other@v1.2.3']);
  });

  test('is one for all who ask at the same time', async () => {
    const bed = await openBed({ modules: [hello] });
    await Promise.all(Array.from({ length: 20 }, () => bed.client.lookup(hello, calm())));
    expect(bed.fake.requests).toEqual(['lookup/example.com/!hello@v1.0.0', 'tile/8/0/000.p/1']);
  });

  test('fetches a tile once for different versions at the same time', async () => {
    const versions = Array.from({ length: 20 }, (_, i) => ({ path: 'example.com/m', version: `v1.0.${i}` }));
    const bed = await openBed({ modules: versions });
    const all = await Promise.all(versions.map((version) => bed.client.lookup(version, calm())));
    expect(all).toEqual(versions.map(({ path, version }) => sumsOf(`${path}@${version}`)));
    expect(bed.fake.requests.filter((target) => target.startsWith('tile/'))).toEqual(['tile/8/0/000.p/20']);
  });

  test('stores a tile once for different versions at the same time', async () => {
    const versions = Array.from({ length: 20 }, (_, i) => ({ path: 'example.com/m', version: `v1.0.${i}` }));
    const bed = await openBed({ modules: versions });
    const puts: string[] = [];
    const counting: BlobStore = {
      ...bed.store,
      put: (key, ...rest) => {
        puts.push(key);
        return bed.store.put(key, ...rest);
      },
    };
    const client = bed.open(counting);
    await Promise.all(versions.map((version) => client.lookup(version, calm())));
    expect(puts.filter((key) => !key.includes('/lookup/'))).toEqual([
      'sumdb/sum.example.com/head/0000000000000014',
      'sumdb/sum.example.com/tile/8/0/000.p/20',
    ]);
  });

  test('that was proved once needs no network, in another process either', async () => {
    const bed = await openBed();
    bed.fake.grow(300);
    const sums = bed.fake.add(hello);
    await bed.client.lookup(hello, calm());
    await bed.fake.stop();
    expect(await bed.open().lookup(hello, calm())).toEqual(sums);
    expect(await bed.client.lookup(hello, calm())).toEqual(sums);
  });

  test('asks again where storage has rotted, and mends it', async () => {
    const bed = await openBed({ modules: [hello] });
    const sums = await bed.client.lookup(hello, calm());
    for (const key of await bed.keys()) {
      if (key.startsWith('head/')) continue;
      const path = `sumdb/${bed.fake.name}/${key}`;
      await bed.store.put(path, Buffer.from(key.startsWith('tile') ? 'x'.repeat(32) : 'nonsense'));
      expect(await bed.open().lookup(hello, calm()), key).toEqual(sums);
      await bed.fake.stop();
      expect(await bed.open().lookup(hello, calm()), key).toEqual(sums);
      await bed.fake.restart();
    }
    expect(bed.lines.map(({ message }) => message)).toEqual([
      'a stored look-up is wrong and is asked for again',
    ]);
  });

  test('works without any memory for tiles', async () => {
    const bed = await openBed({ modules: [hello, other], memoryBytes: 0 });
    bed.fake.grow(600);
    await bed.client.lookup(hello, calm());
    expect(await bed.client.lookup(other, calm())).toEqual(sumsOf('example.com/other@v1.2.3'));
  });

  test('takes the full tile where its part is gone', async () => {
    const bed = await openBed({ modules: [hello] });
    bed.fake.grow(250);
    await bed.client.lookup(hello, calm());
    bed.fake.grow(300);
    bed.fake.add(other);
    // Its own heads are of a time before the tile was full.
    bed.fake.lie({ tells: 'old head', size: 254 });
    bed.fake.lie({ tells: 'no parts of tiles' });
    await expect(bed.client.lookup(other, calm())).rejects.toMatchObject({ kind: 'integrity' });
    const second = bed.open();
    expect(await second.tile(parseTilePath('tile/8/0/000.p/253'), calm())).toHaveLength(253 * 32);
    expect(bed.fake.requests.slice(-2)).toEqual(['tile/8/0/000.p/254', 'tile/8/0/000']);
  });

  test('of a version the database does not know is not found', async () => {
    const bed = await openBed();
    const error = await bed.client.lookup(hello, calm()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      kind: 'notFound',
      message: 'example.com/Hello@v1.0.0: no such thing is logged',
    });
    expect(await bed.keys()).toEqual([]);
  });

  test.each([500, 403, 429])('that is answered with %d is not one that is not found', async (status) => {
    const bed = await openBed({ modules: [hello] });
    bed.fake.lie({ tells: 'status', status });
    await expect(bed.client.lookup(hello, calm())).rejects.toMatchObject({ kind: 'upstream' });
  });

  test.each(['no parts of tiles', 'no tiles'])(
    'of a database that has %s says nothing of the version',
    async (what) => {
      const bed = await openBed({ modules: [hello] });
      bed.fake.lie(
        what === 'no tiles'
          ? { tells: 'status', status: 404, target: /^tile/ }
          : { tells: 'no parts of tiles' },
      );
      await expect(bed.client.lookup(hello, calm())).rejects.toMatchObject({ kind: 'upstream' });
    },
  );

  test('of a database that is down says which', async () => {
    const bed = await openBed({ modules: [hello] });
    await bed.fake.stop();
    await expect(bed.client.lookup(hello, calm())).rejects.toMatchObject({
      kind: 'upstream',
      message: expect.stringMatching(/^example\.com\/Hello@v1\.0\.0: not verified: 127\.0\.0\.1:\d+: /),
    });
  });

  test('of what is no version of the path is not asked', async () => {
    const bed = await openBed();
    for (const version of [
      { ...hello, version: 'v2.0.0' },
      { ...hello, version: 'main' },
      { ...hello, path: '../x' },
    ])
      await expect(bed.client.lookup(version, calm())).rejects.toMatchObject({ kind: 'malformed' });
    expect(bed.fake.requests).toEqual([]);
  });

  test('ends with whoever gave it up', async () => {
    const bed = await openBed({ modules: [hello] });
    const stop = new AbortController();
    const asked = bed.client.lookup(hello, stop.signal);
    stop.abort();
    await expect(asked).rejects.toMatchObject({ kind: 'canceled' });
    expect(await bed.client.lookup(hello, calm())).toEqual(sumsOf('example.com/Hello@v1.0.0'));
  });
});

describe('a database that lies', () => {
  const forged = sumsOf('forged');

  test.each([
    [
      'lines that are not in the record (CVE-2026-56864)',
      { tells: 'foreign lines' },
      'has no hash of v1.0.0',
    ],
    ['an empty record (CVE-2026-42501)', { tells: 'empty record' }, 'has no hash of v1.0.0'],
    [
      'a record that its log does not have',
      { tells: 'forged record', sums: forged },
      'do not lead to the hash',
    ],
    [
      'hashes that the log does not have',
      { tells: 'wrong record', sums: forged },
      'another record 0 than its log',
    ],
    ['a key of its own', { tells: 'wrong key' }, 'signed by no key that is known'],
    ['a signature of another key', { tells: 'forged signature' }, 'has a wrong signature'],
    ['truncated tiles', { tells: 'truncated tiles' }, 'has not the length'],
    ['a page for browsers', { tells: 'page' }, 'malformed record'],
  ] as const)('with %s is refused, and nothing of it is kept', async (_, lie, why) => {
    const bed = await openBed({ modules: [hello, other] });
    bed.fake.grow(266);
    bed.fake.lie(lie);
    await expect(bed.client.lookup(hello, calm())).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining(why),
    });
    expect((await bed.keys()).filter((key) => !key.startsWith('head/'))).toEqual([]);
  });

  // The tree of the vector: of 268 records, the 251st forged in tile/8/0/000.
  test('about a record beside two hashes of one tile is refused (CVE-2026-56865)', async () => {
    const bed = await openBed();
    bed.fake.grow(250);
    bed.fake.add(hello);
    bed.fake.grow(17);
    bed.fake.lie({ tells: 'forged record', sums: forged });
    await expect(bed.client.lookup(hello, calm())).rejects.toMatchObject({ kind: 'integrity' });
  });

  test('again and again is asked again, and believed when it tells the truth', async () => {
    const bed = await openBed({ modules: [hello] });
    const tellTruth = bed.fake.lie({ tells: 'forged record', sums: forged });
    await expect(bed.client.lookup(hello, calm())).rejects.toMatchObject({ kind: 'integrity' });
    tellTruth();
    expect(await bed.client.lookup(hello, calm())).toEqual(sumsOf('example.com/Hello@v1.0.0'));
  });
});

describe('the history of a database', () => {
  test('only grows: an old head is no news, and what it does not hold is refused', async () => {
    const bed = await openBed({ modules: [hello] });
    bed.fake.grow(99);
    await bed.client.lookup(hello, calm());
    bed.fake.grow(10);
    bed.fake.add(other);
    bed.fake.lie({ tells: 'old head', size: 50 });
    await expect(bed.client.lookup(other, calm())).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining('signed no tree that holds its record 110'),
    });
    expect((await bed.client.latest(calm())).toString()).toContain('\n100\n');
    expect(await bed.keys('head/')).toEqual(['head/0000000000000064']);
  });

  test('holds what an answer below an old head does not, and the answer is kept below the newer one', async () => {
    const bed = await openBed({ modules: [hello, other] });
    await bed.client.latest(calm());
    bed.fake.lie({ tells: 'old head', size: 1 });
    await bed.client.lookup(other, calm());
    await bed.fake.stop();
    expect((await bed.open().record(other, calm())).toString()).toContain('\n2\n');
  });

  test('is one head in storage, the newest', async () => {
    const bed = await openBed({ modules: [hello] });
    await bed.client.lookup(hello, calm());
    bed.fake.grow(1000);
    bed.fake.add(other);
    await bed.client.lookup(other, calm());
    expect(await bed.keys('head/')).toEqual(['head/00000000000003ea']);
  });

  test('goes on where another process has been', async () => {
    const bed = await openBed({ modules: [hello] });
    const second = bed.open();
    await bed.client.lookup(hello, calm());
    await second.latest(calm());
    bed.fake.add(third);
    await second.lookup(third, calm());
    bed.fake.grow(10);
    bed.fake.add(other);
    await bed.client.lookup(other, calm());
    expect(await bed.keys('head/')).toEqual(['head/000000000000000d']);
  });

  test('that was rewritten is refused, and the proof is kept and told', async () => {
    const bed = await openBed({ modules: [hello] });
    bed.fake.grow(300);
    await bed.client.lookup(hello, calm());
    bed.fake.rewrite(200);
    bed.fake.grow(300);
    bed.fake.add(other);
    const error = await bed.client.lookup(other, calm()).catch((caught: Error) => caught);
    expect(error).toMatchObject({ kind: 'integrity' });
    const [key] = await bed.keys('fork/');
    expect(String(error)).toContain(`the proof is kept as sumdb/sum.example.com/${key}`);
    expect(key).toMatch(/^fork\/000000000000012d-000000000000025a-[\da-f]{16}$/);
    const blob = await bed.store.get(`sumdb/sum.example.com/${key}`);
    let text = '';
    for await (const chunk of blob!.read()) text += Buffer.from(chunk).toString();
    expect(text).toContain('\tgo.sum database tree\n\t301\n');
    expect(text).toContain('\tgo.sum database tree\n\t602\n');
    expect(bed.events).toEqual(['sumdb_fork']);
    expect(bed.lines).toMatchObject([{ message: 'a checksum database contradicts itself' }]);
    // Nothing of the other history took the place of what was true.
    await bed.fake.stop();
    expect(await bed.open().lookup(hello, calm())).toEqual(sumsOf('example.com/Hello@v1.0.0'));
    expect(await bed.keys('head/')).toEqual(['head/000000000000012d']);
  });

  test('that was rewritten at its own size is refused', async () => {
    const bed = await openBed({ modules: [hello, other] });
    await bed.client.lookup(hello, calm());
    bed.fake.rewrite(1);
    await expect(bed.client.lookup(other, calm())).rejects.toMatchObject({ kind: 'integrity' });
    expect(await bed.keys('fork/')).toHaveLength(1);
  });

  test('that is another for another process is seen through by storage', async () => {
    const bed = await openBed({ modules: [hello] });
    const [first, second] = [bed.client, bed.open()];
    await first.lookup(hello, calm());
    await second.latest(calm());
    bed.fake.grow(5);
    await first.latest(calm());
    bed.fake.rewrite(1);
    bed.fake.add(other);
    await expect(second.lookup(other, calm())).rejects.toMatchObject({ kind: 'integrity' });
    expect(bed.events).toEqual(['sumdb_fork']);
  });

  test('that is another for another process at the same time is seen through too', async () => {
    const bed = await openBed({ modules: [hello, other] });
    await bed.client.lookup(hello, calm());
    bed.fake.rewrite(1);
    // It looked for stored heads just before the first process stored its own.
    const late: BlobStore = { ...bed.store, list: async function* () {} };
    await expect(bed.open(late).latest(calm())).rejects.toMatchObject({ kind: 'integrity' });
    expect(await bed.keys('fork/')).toHaveLength(1);
  });

  test('is not gone on with by a head that another key signed', async () => {
    const bed = await openBed({ modules: [hello] });
    await bed.store.put(headKey(bed.fake.name, 7), Buffer.from('a note of another key\n\n— x AAAAAAAA\n'));
    await expect(bed.client.lookup(hello, calm())).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining(`sumdb/sum.example.com/head/0000000000000007`),
    });
  });
});

describe('what is passed on', () => {
  test('a record stands below a head that holds it', async () => {
    const bed = await openBed({ modules: [hello] });
    const answer = (await bed.client.record(hello, calm())).toString();
    expect(answer).toMatch(
      /^0\nexample\.com\/Hello v1\.0\.0 h1:.*\n\ngo\.sum database tree\n1\n.*\n\n— sum\.example\.com /s,
    );
  });

  test('a tile is proved before it is kept, and is then there without the network', async () => {
    const bed = await openBed();
    bed.fake.grow(700);
    const tile = parseTilePath('tile/8/0/001.p/9');
    const data = await bed.client.tile(tile, calm());
    expect(bed.fake.requests.toSorted()).toEqual([
      'latest',
      'tile/8/0/001',
      'tile/8/0/002.p/188',
      'tile/8/1/000.p/2',
    ]);
    await bed.fake.stop();
    expect(await bed.open().tile(tile, calm())).toEqual(data);
    expect(await bed.open().tile(parseTilePath('tile/8/0/001'), calm())).toHaveLength(8192);
  });

  test('of the parts of a tile the widest is kept, until it is full', async () => {
    const bed = await openBed({ modules: [hello] });
    await bed.client.lookup(hello, calm());
    for (const version of ['v1.0.0', 'v1.0.1', 'v1.0.2']) {
      bed.fake.grow(100);
      bed.fake.add({ ...other, version });
      await bed.client.lookup({ ...other, version }, calm());
    }
    expect(await bed.keys('tile/')).toEqual(['tile/8/0/000', 'tile/8/0/001.p/48', 'tile/8/1/000.p/1']);
  });

  test('a tile beyond the log is not found', async () => {
    const bed = await openBed({ modules: [hello] });
    for (const path of ['tile/8/0/000.p/2', 'tile/8/0/x001/000', 'tile/8/60/000'])
      await expect(bed.client.tile(parseTilePath(path), calm())).rejects.toMatchObject({ kind: 'notFound' });
    expect(bed.fake.requests).toEqual(['latest']);
  });

  test('a tile or a head that the database should have, and lacks, is not told to be absent', async () => {
    const bed = await openBed({ modules: [hello] });
    const tile = parseTilePath('tile/8/0/000.p/1');
    for (const target of [/^latest/, /^tile/]) {
      const mend = bed.fake.lie({ tells: 'status', status: 404, target });
      await expect(bed.client.tile(tile, calm())).rejects.toMatchObject({ kind: 'upstream' });
      mend();
    }
  });

  test('the newest head is asked for, and is the newest that is known where the database is down', async () => {
    const bed = await openBed({ modules: [hello] });
    await bed.client.lookup(hello, calm());
    bed.fake.grow(4);
    expect((await bed.client.latest(calm())).toString()).toContain('\n5\n');
    await bed.fake.stop();
    expect((await bed.open().latest(calm())).toString()).toContain('\n5\n');
  });
});
