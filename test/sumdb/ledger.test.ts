import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { openHead } from '../../src/sumdb/head.ts';
import type { Ledger } from '../../src/sumdb/ledger.ts';
import { verifyLedger } from '../../src/sumdb/ledger-verify.ts';
import { parseRecord, splitRecords } from '../../src/sumdb/record.ts';
import { formatSums, parseSums } from '../../src/sumdb/sums.ts';
import { dataLevel, type Tile } from '../../src/sumdb/tile.ts';
import { tileHashes } from '../../src/sumdb/tile-hashes.ts';
import { recordHash, storedHashIndex } from '../../src/sumdb/tlog.ts';
import { sumsOf } from '../fakes/sumdb.ts';
import { createFailingStore } from '../faults/failing-store.ts';
import { addAll, createLedgerBed, madeUp, signal } from './ledger-bed.ts';
import { ledgerName, numbered, signerOf, sumsFor, verifier } from './ledger-versions.ts';

/** Reads a look-up as a client does: the head is ours, and tiles prove that the record is in its tree. */
async function lookUp(ledger: Ledger, n: number) {
  const { id, text, rest } = parseRecord(await ledger.record(numbered(n), signal));
  const { tree } = openHead(rest, verifier);
  const { tiles, authenticate } = tileHashes(tree, 8, [storedHashIndex(0, id)]);
  const [hash] = authenticate(await Promise.all(tiles.map((tile) => ledger.tile(tile, signal))));
  expect(hash).toEqual(recordHash(text));
  return { id, size: tree.size, text: text.toString(), sums: parseSums(text.toString(), numbered(n)) };
}

function tile(level: number, number: number, width = 256): Tile {
  return { height: 8, level, number, width };
}

describe('a look-up in the private log', () => {
  test('answers both lines of a version, and what proves them', async () => {
    const ledger = createLedgerBed().open();
    const { id, size, text } = await lookUp(ledger, 7);
    expect({ id, size }).toEqual({ id: 0, size: 1 });
    expect(text).toBe(formatSums(numbered(7), sumsFor(numbered(7))));
  });

  test('proves a version once, and then knows it', async () => {
    let proved = 0;
    const bed = createLedgerBed();
    const proveLines = async (...asked: Parameters<typeof madeUp>) => {
      proved++;
      return madeUp(...asked);
    };
    const ledger = bed.open({ proveLines });
    await Promise.all(Array.from({ length: 20 }, () => lookUp(ledger, 1)));
    const next = bed.open({ proveLines });
    await lookUp(next, 1);
    expect(proved).toBe(1);
  });

  test('says what kept the version from being proved, and logs nothing', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open({
      proveLines: async () => {
        throw new StoaError('notFound', 'not found: no such tag');
      },
    });
    await expect(ledger.record(numbered(1), signal)).rejects.toMatchObject({ kind: 'notFound' });
    expect(await bed.keys()).toEqual([]);
  });

  test('takes only hashes for hashes', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open({ proveLines: async () => ({ zip: 'h1:short', mod: 'h1:short' }) });
    await expect(ledger.record(numbered(1), signal)).rejects.toMatchObject({ kind: 'integrity' });
    expect(await bed.keys()).toEqual([]);
  });

  test.each([
    ['not-a-path', 'v1.0.0'],
    ['example.com/m', 'master'],
    ['example.com/m', 'v2.0.0'],
    [`example.com/${'m'.repeat(300)}`, 'v1.0.0'],
  ])('of %s@%s is malformed', async (path, version) => {
    const ledger = createLedgerBed().open();
    await expect(ledger.record({ path, version }, signal)).rejects.toMatchObject({ kind: 'malformed' });
  });

  test('ends for who leaves, and goes on for the others', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ledger = createLedgerBed().open({
      async proveLines(...asked) {
        await promise;
        return madeUp(...asked);
      },
    });
    const leaving = new AbortController();
    const left = ledger.record(numbered(1), leaving.signal);
    const stayed = lookUp(ledger, 1);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ kind: 'canceled' });
    resolve();
    expect((await stayed).id).toBe(0);
  });
});

describe('a version in the private log', () => {
  test('is found, or not, without being proved', async () => {
    const ledger = createLedgerBed().open();
    expect(await ledger.find(numbered(1), signal)).toBeUndefined();
    await addAll(ledger, 1, 1);
    expect(await ledger.find(numbered(1), signal)).toEqual(sumsFor(numbered(1)));
  });

  test('has one record: other hashes are refused and told', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open();
    await addAll(ledger, 1);
    await addAll(ledger, 1);
    const other = sumsOf('other content');
    await expect(ledger.add(numbered(0), other, signal)).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining(other.zip),
    });
    expect(bed.events).toEqual(['ledger_conflict']);
    expect(await bed.keys('commit/')).toHaveLength(1);
    expect((await lookUp(ledger, 0)).size).toBe(1);
  });

  test('has one record, too, when two have other hashes for it at the same time', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open();
    const results = await Promise.allSettled(
      ['one', 'other', 'one'].map((what) => ledger.add(numbered(0), sumsOf(what), signal)),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await lookUp(ledger, 0)).sums).toEqual(sumsOf('one'));
    expect((await lookUp(ledger, 0)).size).toBe(1);
  });
});

describe('the tiles of the private log', () => {
  test('are answered in every width that any head had', async () => {
    const ledger = createLedgerBed().open();
    await addAll(ledger, 700);
    const full = await ledger.tile(tile(0, 1), signal);
    expect(full).toHaveLength(256 * 32);
    for (const width of [1, 100, 255])
      expect(await ledger.tile(tile(0, 1, width), signal)).toEqual(full.subarray(0, width * 32));
    const last = await ledger.tile(tile(0, 2, 700 - 512), signal);
    expect(await ledger.tile(tile(0, 2, 3), signal)).toEqual(last.subarray(0, 3 * 32));
    expect(await ledger.tile(tile(1, 0, 2), signal)).toHaveLength(2 * 32);
  });

  test('hold the records, too', async () => {
    const ledger = createLedgerBed().open();
    await addAll(ledger, 300);
    const records = [
      ...splitRecords(await ledger.tile(tile(dataLevel, 0), signal)),
      ...splitRecords(await ledger.tile(tile(dataLevel, 1, 44), signal)),
    ];
    const { id, text } = await lookUp(ledger, 280);
    expect(records).toHaveLength(300);
    expect(String(records[id])).toBe(text);
    expect(splitRecords(await ledger.tile(tile(dataLevel, 0, 9), signal))).toEqual(records.slice(0, 9));
  });

  test.each([
    ['one further', tile(0, 2, 1)],
    ['one wider', tile(0, 1, 45)],
    ['one higher', tile(1, 0, 2)],
    ['one beyond all numbers', tile(60, 2 ** 50, 1)],
    ['one of another height', { ...tile(0, 0, 1), height: 7 }],
  ])('end where the log ends: %s is not found', async (_, wanted) => {
    const ledger = createLedgerBed().open();
    await addAll(ledger, 300);
    await expect(ledger.tile(wanted, signal)).rejects.toMatchObject({ kind: 'notFound' });
  });

  test('that are missing are no absence', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open();
    await addAll(ledger, 300);
    await bed.store.delete(`sumdb/${ledgerName}/tile/8/0/000`);
    await expect(ledger.tile(tile(0, 0), signal)).rejects.toMatchObject({ kind: 'storage' });
  });
});

describe('several processes over one private log', () => {
  test('serve what the others have logged', async () => {
    const bed = createLedgerBed();
    const [one, other] = [bed.open(), bed.open()];
    await addAll(one, 300);
    const { tree } = openHead(await one.latest(signal), verifier);
    // A tile of a head that only the first has signed.
    expect(await other.tile(tile(0, 1, tree.size - 256), signal)).toHaveLength(44 * 32);
    await addAll(one, 1, 300);
    expect((await lookUp(other, 300)).size).toBe(301);
    expect(await other.latest(signal)).toEqual(await one.latest(signal));
  });

  test('make one line of commits, with one record a version', async () => {
    const bed = createLedgerBed();
    const ledgers = [bed.open(), bed.open(), bed.open()];
    await Promise.all(
      Array.from({ length: 200 }, (_, n) => n).flatMap((n) => ledgers.map((ledger) => lookUp(ledger, n))),
    );
    const sizes = await Promise.all(ledgers.map((ledger) => ledger.latest(signal)));
    expect(new Set(sizes.map(String)).size).toBe(1);
    expect(openHead(sizes[0]!, verifier).tree.size).toBe(200);
  });

  test('that have other hashes for a version refuse all but the first', async () => {
    const bed = createLedgerBed();
    const ledgers = [bed.open(), bed.open()];
    const results = await Promise.allSettled(
      ledgers.map((ledger, i) => ledger.add(numbered(0), sumsOf(`content ${i}`), signal)),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(bed.events).toEqual(['ledger_conflict']);
    const answers = await Promise.all(ledgers.map((ledger) => lookUp(ledger, 0)));
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]!.size).toBe(1);
  });
});

describe('the commits of the private log', () => {
  test('hold many records when many come at once', async () => {
    const bed = createLedgerBed();
    await addAll(bed.open(), 1000);
    expect((await bed.keys('commit/')).length).toBeLessThan(8);
  });

  test('are all that is needed: the rest is written again', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open();
    await addAll(ledger, 600);
    await ledger.close();
    const keys = await bed.keys();
    const before = await lookUp(ledger, 17);
    for (const key of keys)
      if (!key.startsWith('commit/')) await bed.store.delete(`sumdb/${ledgerName}/${key}`);
    const again = bed.open();
    expect(await lookUp(again, 17)).toEqual(before);
    await again.close();
    expect(await bed.keys()).toEqual(keys);
  });

  test('are read from the checkpoint on', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open();
    for (let n = 0; n < 200; n++) await addAll(ledger, 1, n);
    const read: string[] = [];
    const again = bed.open({ store: watched(bed.store, read) });
    expect((await lookUp(again, 199)).size).toBe(200);
    expect(read.filter((key) => key.includes('/commit/')).length).toBeLessThan(80);
  });

  test.each([
    ['is cut short', (text: string) => text.slice(0, -9)],
    ['has another hash', (text: string) => text.replace(/"levels":\["./, '"levels":["_')],
    ['has another record', (text: string) => text.replace('h1:', 'h1;')],
    ['is beyond them', (text: string) => text.replace(/"commits":\d+/, '"commits":999')],
    ['counts from before them', (text: string) => text.replace(/"commits":\d+/, '"commits":0')],
    ['is that of others', (text: string) => text.replace(/"commits":\d+/, '"commits":1')],
  ])('are all read when the checkpoint %s', async (_, spoil) => {
    const bed = createLedgerBed();
    const ledger = bed.open();
    for (let n = 0; n < 5; n++) await addAll(ledger, 3, 3 * n);
    await ledger.close();
    const key = `sumdb/${ledgerName}/checkpoint`;
    const text = await readText(bed.store, key);
    await bed.store.put(key, Buffer.from(spoil(text)));
    const again = bed.open();
    expect((await lookUp(again, 1)).size).toBe(15);
    expect(bed.lines).toEqual(['the private log is read from its first commit on']);
    await again.close();
    expect(await readText(bed.store, key)).toBe(text);
  });

  test('of another key are not gone on with', async () => {
    const bed = createLedgerBed();
    await addAll(bed.open(), 3);
    await expect(bed.open({ signer: signerOf(2) }).ready()).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining('commit/0000000000000/000'),
    });
  });

  test('that an older state of the store lacks are missed by its look-ups', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open();
    await addAll(ledger, 3);
    await addAll(ledger, 3, 3);
    await ledger.close();
    const [, last] = await bed.keys('commit/');
    for (const key of [last, 'checkpoint']) await bed.store.delete(`sumdb/${ledgerName}/${key}`);
    const restored = bed.open();
    await expect(restored.record(numbered(5), signal)).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining('restored'),
    });
  });
});

describe('when storage fails, the private log', () => {
  test('answers a commit whose answer was lost', async () => {
    const bed = createLedgerBed();
    let lost = 0;
    const ledger = bed.open({
      store: failing(bed.store, async (key, put) => {
        const stored = await put();
        if (key.includes('/commit/') && lost++ === 0) throw new StoaError('storage', `${key}: no answer`);
        return stored;
      }),
    });
    expect(await lookUp(ledger, 0)).toMatchObject({ id: 0, size: 1 });
    expect(lost).toBeGreaterThan(1);
    expect(await bed.keys('commit/')).toHaveLength(1);
  });

  test('is opened later than at the start', async () => {
    const bed = createLedgerBed();
    const before = bed.open();
    await addAll(before, 3);
    let isDown = true;
    const fail = async () => {
      throw new StoaError('storage', 'input/output error');
    };
    const store = {
      ...bed.store,
      get: (...asked: Parameters<BlobStore['get']>) => (isDown ? fail() : bed.store.get(...asked)),
    };
    const ledger = bed.open({ store });
    await ledger.ready();
    await expect(ledger.record(numbered(0), signal)).rejects.toMatchObject({ kind: 'storage' });
    isDown = false;
    expect((await lookUp(ledger, 0)).size).toBe(3);
    expect(bed.lines).toEqual(['the private log cannot be opened yet']);
  });

  test('is closed as far as it can be', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open({
      store: failing(bed.store, async (key, put) => {
        if (key.endsWith('/checkpoint')) throw new StoaError('storage', `${key}: disk full`);
        return put();
      }),
    });
    await addAll(ledger, 3);
    await ledger.close();
    expect(bed.lines).toEqual(['the private log could not be stored to its end']);
    expect((await lookUp(bed.open(), 2)).size).toBe(3);
  });

  test('answers nothing that is not committed, and goes on later', async () => {
    const bed = createLedgerBed();
    let isDown = true;
    const ledger = bed.open({
      store: failing(bed.store, async (key, put) => {
        if (isDown) throw new StoaError('storage', `${key}: disk full`);
        return put();
      }),
    });
    await expect(ledger.record(numbered(0), signal)).rejects.toMatchObject({ kind: 'storage' });
    expect(openHead(await ledger.latest(signal), verifier).tree.size).toBe(0);
    isDown = false;
    expect(await lookUp(ledger, 0)).toMatchObject({ id: 0, size: 1 });
  });

  test.each(['/tile/', '/lookup/'])('commits no second time when %s cannot be written', async (what) => {
    const bed = createLedgerBed();
    let isDown = true;
    const ledger = bed.open({
      store: failing(bed.store, async (key, put) => {
        if (isDown && key.includes(what)) throw new StoaError('storage', `${key}: disk full`);
        return put();
      }),
    });
    await addAll(ledger, 256).catch(() => undefined);
    isDown = false;
    await addAll(ledger, 257);
    expect((await lookUp(ledger, 3)).size).toBe(257);
    await ledger.close();
    expect(await bed.keys('commit/')).toHaveLength(2);
    expect(await bed.keys('lookup/')).toHaveLength(257);
    expect(await bed.keys('tile/')).toEqual(['tile/8/0/000', 'tile/8/data/000']);
  });

  test.each([3, 5, 7, 11])('keeps one record a version when every call number %i fails', async (n) => {
    const bed = createLedgerBed();
    const trouble = createFailingStore(n);
    const ledgers = [1, 2].map(() => bed.open({ store: trouble.wrap(bed.store) }));
    for (let first = 0; first < 300; first += 20)
      await Promise.allSettled(ledgers.map((ledger) => addAll(ledger, 20, first)));
    expect(trouble.failures).toBeGreaterThan(20);
    trouble.heal();
    await Promise.all(ledgers.map((ledger) => addAll(ledger, 300)));
    await Promise.all(ledgers.map((ledger) => ledger.close()));
    const { verifierKey } = signerOf();
    const report = await verifyLedger({ verifierKey, store: bed.store, signal });
    expect(report).toMatchObject({ records: 300, lookups: 300, unstored: 0, problems: [] });
  });

  test('waits with further commits when look-ups can never be stored', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open({
      store: failing(bed.store, async (key, put) => {
        if (key.includes('/lookup/')) throw new StoaError('storage', `${key}: disk full`);
        return put();
      }),
    });
    await expect(addAll(ledger, 6000)).rejects.toMatchObject({ kind: 'storage' });
    const { tree } = openHead(await bed.open().latest(signal), verifier);
    expect(tree.size).toBeLessThan(5000);
    expect(bed.lines).toEqual(['look-ups of the private log cannot be stored']);
  });
});

function failing(
  store: BlobStore,
  put: (key: string, put: () => Promise<boolean>) => Promise<boolean>,
): BlobStore {
  return { ...store, put: (key, body, options) => put(key, () => store.put(key, body, options)) };
}

function watched(store: BlobStore, read: string[]): BlobStore {
  return {
    ...store,
    get(key, options) {
      read.push(key);
      return store.get(key, options);
    },
  };
}

async function readText(store: BlobStore, key: string): Promise<string> {
  await using blob = (await store.get(key))!;
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.read()) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks).toString();
}
