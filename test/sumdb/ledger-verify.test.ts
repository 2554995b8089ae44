import { describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/storage/store.ts';
import { type LedgerReport, verifyLedger } from '../../src/sumdb/ledger-verify.ts';
import { signNote } from '../../src/sumdb/note.ts';
import { readStored } from '../../src/sumdb/read-stored.ts';
import { formatRecord } from '../../src/sumdb/record.ts';
import { formatSums } from '../../src/sumdb/sums.ts';
import { formatTree } from '../../src/sumdb/tlog.ts';
import { sumsOf } from '../fakes/sumdb.ts';
import { addAll, createLedgerBed, type LedgerBed, signal } from './ledger-bed.ts';
import { ledgerName, numbered, signerOf } from './ledger-versions.ts';
import { createMemoryLog } from './log.ts';

/** A log of 600 records in some commits, with all that belongs to it. */
async function openWhole(): Promise<LedgerBed> {
  const bed = createLedgerBed();
  const ledger = bed.open();
  await addAll(ledger, 600);
  await ledger.close();
  return bed;
}

function verify({ store }: LedgerBed): Promise<LedgerReport> {
  return verifyLedger({ verifierKey: signerOf().verifierKey, store, signal });
}

const root = `sumdb/${ledgerName}`;
const firstCommit = `${root}/commit/0000000000000/000`;
const secondCommit = `${root}/commit/0000000000000/001`;

async function change(bed: LedgerBed, key: string, edit: (text: string) => string): Promise<void> {
  const bytes = (await readStored(bed.store, key, signal))!;
  await bed.store.put(key, Buffer.from(edit(bytes.toString('latin1')), 'latin1'));
}

/** A commit that our key signed, of one record, for whatever tree. */
function commitOf(id: number, n: number, before: readonly string[] = []): Buffer {
  const version = numbered(n);
  const text = formatSums(version, sumsOf(`another content of ${n}`));
  const log = createMemoryLog();
  for (const record of [...before, text]) log.append(Buffer.from(record));
  const tree = { ...log.tree(), size: id + 1 };
  return Buffer.concat([formatRecord(id, Buffer.from(text)), signNote(formatTree(tree), [signerOf()])]);
}

describe('stoa ledger verify', () => {
  test('finds nothing wrong with a log that nobody touched', async () => {
    const bed = await openWhole();
    const { head, ...report } = await verify(bed);
    expect(report).toEqual({
      commits: (await bed.keys('commit/')).length,
      records: 600,
      tiles: 4,
      lookups: 600,
      unstored: 0,
      problems: [],
      problemCount: 0,
    });
    expect(head).toEqual(await bed.open().latest(signal));
  });

  test('finds nothing wrong with no log', async () => {
    expect(await verify(createLedgerBed())).toMatchObject({ commits: 0, records: 0, problemCount: 0 });
  });

  test('tells what a crash left to be stored from what is missing', async () => {
    const bed = await openWhole();
    for (const key of await bed.keys())
      if (!key.startsWith('commit/')) await bed.store.delete(`${root}/${key}`);
    expect(await verify(bed)).toMatchObject({ records: 600, unstored: 604, problemCount: 0 });
  });

  test('may run beside a server that appends', async () => {
    const bed = await openWhole();
    const ledger = bed.open();
    const growing: BlobStore = {
      ...bed.store,
      async *list(prefix, options) {
        yield* bed.store.list(prefix, options);
        if (!prefix.includes('/commit/')) return;
        await addAll(ledger, 300, 600);
        await ledger.close();
      },
    };
    const report = await verifyLedger({ verifierKey: signerOf().verifierKey, store: growing, signal });
    expect(report).toMatchObject({ records: 600, problems: [] });
    expect((await verify(bed)).records).toBe(900);
  });

  test.each<[what: string, problem: string, spoil: (bed: LedgerBed) => Promise<unknown>]>([
    [
      'a changed record',
      '000: its head is not that',
      (bed) => change(bed, firstCommit, (text) => text.replace(/h1:.../, 'h1:AAA')),
    ],
    [
      'a changed head',
      '000: the note has a wrong signature',
      (bed) => change(bed, firstCommit, (text) => text.replace(/(database tree\n)(\d+)/, '$19')),
    ],
    ['a commit cut short', '000: malformed', (bed) => change(bed, firstCommit, (text) => text.slice(0, 500))],
    ['a commit that is gone', '001 is missing before', (bed) => bed.store.delete(secondCommit)],
    ['the first commit gone', '000 is missing before', (bed) => bed.store.delete(firstCommit)],
    [
      'a commit of another history',
      '001: its head is not that',
      (bed) => bed.store.put(secondCommit, commitOf(1, 700)),
    ],
    ['a tile that is gone', 'tile/8/0/001 is missing', (bed) => bed.store.delete(`${root}/tile/8/0/001`)],
    [
      'a changed tile',
      'tile/8/0/001 is not what',
      (bed) => change(bed, `${root}/tile/8/0/001`, (text) => `${text.slice(0, -1)}x`),
    ],
    [
      'a changed data tile',
      'tile/8/data/000 is not what',
      (bed) => change(bed, `${root}/tile/8/data/000`, (text) => text.replace('h1:', 'h2:')),
    ],
    ['a look-up that is gone', 'module7/@v/v1.0.7 is missing', (bed) => bed.store.delete(lookupOf(7))],
    [
      'a changed look-up',
      'v1.0.7 is not its record',
      (bed) => change(bed, lookupOf(7), (text) => text.replace(/^\d+/, '5')),
    ],
    [
      'a tile of lost commits',
      'tile/8/0/002 is of records that no commit has',
      (bed) => bed.store.put(`${root}/tile/8/0/002`, Buffer.alloc(8192)),
    ],
    [
      'a look-up of a lost commit',
      'v1.0.700 is of record 600, which no commit has',
      (bed) => bed.store.put(lookupOf(700), formatRecord(600, Buffer.from('text\n'))),
    ],
    [
      'a checkpoint of another log',
      'the checkpoint is not that of the log',
      (bed) => change(bed, `${root}/checkpoint`, (text) => text.replace(/"commits":\d+/, '"commits":77')),
    ],
  ])('finds %s', async (_, problem, spoil) => {
    const bed = await openWhole();
    await spoil(bed);
    const { problems, problemCount } = await verify(bed);
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problemCount).toBe(1);
  });

  test('finds a second record of a version, which our key signed', async () => {
    const bed = createLedgerBed();
    const ledger = bed.open();
    await ledger.add(numbered(0), sumsOf('first'), signal);
    await ledger.close();
    await bed.store.put(secondCommit, commitOf(1, 0, [formatSums(numbered(0), sumsOf('first'))]));
    expect((await verify(bed)).problems).toEqual([expect.stringContaining('is not its record 1')]);
  });

  test('finds that the key is another one', async () => {
    const { store } = await openWhole();
    const report = await verifyLedger({ verifierKey: signerOf(2).verifierKey, store, signal });
    expect(report).toMatchObject({ commits: 0, records: 0 });
    expect(report.problems).toContainEqual(expect.stringContaining('signed by no key that is known'));
  });

  test('tells the first hundred problems, and how many there are', async () => {
    const bed = await openWhole();
    for (const key of await bed.keys('lookup/')) await bed.store.delete(`${root}/${key}`);
    const { problems, problemCount } = await verify(bed);
    expect(problems).toHaveLength(100);
    expect(problemCount).toBe(600);
  });
});

function lookupOf(n: number): string {
  const { path, version } = numbered(n);
  return `${root}/lookup/${path}/@v/${version}`;
}
