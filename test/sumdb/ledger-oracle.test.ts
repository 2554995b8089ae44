import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checked } from '../../src/storage/checked.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import type { Ledger } from '../../src/sumdb/ledger.ts';
import { formatSums } from '../../src/sumdb/sums.ts';
import { serveLedger } from '../fakes/ledger.ts';
import { go } from '../go/go.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { createLedgerBed, signal } from './ledger-bed.ts';
import { ledgerName, numbered, signerOf, sumsFor } from './ledger-versions.ts';

/** Sizes of the log at which clients come by: around those at which tiles become full, and higher ones begin. */
const sizes = [1, 2, 3, 7, 100, 255, 256, 257, 300, 511, 512, 513, 700];

let oracle: Oracle;
beforeAll(async () => {
  oracle = await openOracle();
});
afterAll(() => oracle.close());

interface Found {
  /** What was said to each version: its lines, or an error. */
  readonly answers: readonly unknown[];
  readonly latest: string;
}

/** What the oracle says. */
interface Reply {
  readonly lines: readonly (readonly string[])[];
  readonly latest: string;
  readonly security: string;
}

/** Asks as a client with this head does. */
async function lookUp(url: string, latest: string, numbers: readonly number[]): Promise<Found> {
  const versions = numbers.map((n) => [numbered(n).path, numbered(n).version]);
  const base = `${url}/sumdb/${ledgerName}`;
  const [answer] = await oracle.ask([['lookUp', base, signerOf().verifierKey, latest, versions]]);
  if (!answer || 'error' in answer) throw new Error(JSON.stringify(answer));
  const { lines, latest: head, security } = answer.ok as Reply;
  if (security !== '') throw new Error(security);
  const answers = lines.map((found) => found.find((line) => line.startsWith('error: ')) ?? found);
  return { answers, latest: head };
}

function linesOf(n: number): string[] {
  const version = numbered(n);
  return formatSums(version, sumsFor(version)).trimEnd().split('\n');
}

async function growTo(ledger: Ledger, from: number, to: number): Promise<void> {
  await Promise.all(Array.from({ length: to - from }, (_, i) => ledger.record(numbered(from + i), signal)));
}

describe.skipIf(go === undefined)("x/mod's client", () => {
  test('believes the private log at every size, whatever head it saw last', async () => {
    const ledger = createLedgerBed().open();
    await using served = await serveLedger(() => ledger);
    const heads = [''];
    let size = 0;
    for (const next of sizes) {
      await growTo(ledger, size, next);
      size = next;
      const numbers = [0, Math.floor(size / 2), size - 1];
      for (const head of [...heads]) {
        const { answers, latest } = await lookUp(served.url, head, numbers);
        expect(answers, `${size} records, head ${head}`).toEqual(numbers.map(linesOf));
        expect(latest).toBe(String(await ledger.latest(signal)));
      }
      heads.push(String(await ledger.latest(signal)));
    }
  });

  test('logs by its look-ups, of which another process answers the next', async () => {
    const bed = createLedgerBed();
    const ledgers = [bed.open(), bed.open(), bed.open()];
    let turn = 0;
    await using served = await serveLedger(() => ledgers[turn++ % ledgers.length]!);
    let head = '';
    for (let n = 0; n < 300; n += 50) {
      const numbers = Array.from({ length: 50 }, (_, i) => n + i);
      const { answers, latest } = await lookUp(served.url, head, numbers);
      expect(answers).toEqual(numbers.map(linesOf));
      head = latest;
    }
  });

  test('finds that an older state of the store was restored and gone on with', async () => {
    const store = checked(createMemoryStore());
    const bed = createLedgerBed(store);
    const ledger = bed.open();
    await growTo(ledger, 0, 10);
    await ledger.close();
    const backup = await copyOf(store);
    await growTo(ledger, 10, 20);
    const restored = createLedgerBed(backup).open();
    let current = ledger;
    await using served = await serveLedger(() => current);
    const { latest } = await lookUp(served.url, '', [15]);
    current = restored;
    // Where it is smaller, it has not what a client with the newer head needs.
    expect((await lookUp(served.url, latest, [1])).answers).toEqual([expect.stringContaining('404')]);
    await restored.record(numbered(99), signal);
    await growTo(restored, 20, 40);
    expect((await lookUp(served.url, latest, [1])).answers).toEqual([
      expect.stringContaining('inconsistent tile'),
    ]);
  });
});

async function copyOf(store: BlobStore): Promise<BlobStore> {
  const copy = checked(createMemoryStore());
  for await (const key of store.list('')) {
    await using blob = (await store.get(key))!;
    await copy.put(key, blob.read());
  }
  return copy;
}
