import { mkdir, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseEntry } from '../../src/catalog/entry.ts';
import type { PoolGate } from '../../src/storage/pool-gate.ts';
import { event } from '../conformance/catalog-kit.ts';
import { type Bed, openBed } from './bed.ts';

let bed: Bed;
beforeEach(async () => {
  bed = await openBed();
});
afterEach(() => bed[Symbol.asyncDispose]());

/** The ids of all events in the folder, in the order of its files. */
async function ids(): Promise<string[]> {
  const lines = Object.values(await bed.lines()).flat();
  return lines.map((line) => (parseEntry(line) as { id: string }).id);
}

describe('an outbox', () => {
  test('has the line of an entry when its append is fulfilled', async () => {
    const outbox = bed.outbox();
    for (const id of ['a', 'b', 'c']) {
      await outbox.append(event(id));
      expect((await ids()).at(-1)).toBe(id);
    }
    expect(Object.keys(await bed.lines())).toEqual([`${bed.owner}-00000001.jsonl`]);
    await outbox.close();
  });

  test('keeps the order of what is appended at once, and writes it together', async () => {
    const writes: number[] = [];
    const outbox = bed.outbox({ appended: (bytes) => void writes.push(bytes) });
    const names = Array.from({ length: 500 }, (_, i) => `${i}`);
    await Promise.all(names.map((id) => outbox.append(event(id))));
    expect(await ids()).toEqual(names);
    expect(writes.length).toBeLessThan(5);
    await outbox.close();
  });

  test('begins a new segment when one is large', async () => {
    const outbox = bed.outbox({ segmentBytes: 300 });
    for (let i = 0; i < 10; i++) await outbox.append(event(`${i}`));
    await outbox.close();
    const lines = await bed.lines();
    expect(Object.keys(lines).length).toBeGreaterThan(2);
    expect(Object.keys(lines).at(-1)).toBe(`${bed.owner}-0000000${Object.keys(lines).length}.jsonl`);
    expect(await ids()).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`));
  });

  test('writes what is left when it is closed', async () => {
    const outbox = bed.outbox();
    void outbox.append(event('a'));
    void outbox.append(event('b'));
    await outbox.close();
    expect(await ids()).toEqual(['a', 'b']);
  });
});

describe('an outbox whose disk takes nothing', () => {
  test('lets nobody wait, says why, and writes all of it later', async () => {
    await rm(bed.folder, { recursive: true });
    await writeFile(bed.folder, 'a file is in the way');
    const outbox = bed.outbox();
    await Promise.all(['a', 'b', 'c'].map((id) => outbox.append(event(id))));
    expect(outbox.trouble).toMatch(/EEXIST|ENOTDIR/);
    await outbox.append(event('d'));
    await rm(bed.folder);
    await mkdir(bed.folder);
    while (outbox.trouble !== undefined) await sleep(1);
    expect(await ids()).toEqual(['a', 'b', 'c', 'd']);
    await outbox.append(event('e'));
    await outbox.close();
    expect(await ids()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(bed.lost.count).toBe(0);
  });

  test('keeps no more in memory than the bound, and tells what is lost', async () => {
    await rm(bed.folder, { recursive: true });
    await writeFile(bed.folder, 'a file is in the way');
    const outbox = bed.outbox({ maxBytes: 2000 });
    for (let i = 0; i < 100; i++) await outbox.append(event(`${i}`));
    expect(bed.lost.count).toBeGreaterThan(50);
    await rm(bed.folder);
    await outbox.close();
    expect(await ids()).toEqual(Array.from({ length: 100 - bed.lost.count }, (_, i) => `${i}`));
  });

  test('writes no line twice that was written before the failure was seen', async () => {
    let calls = 0;
    const gate: PoolGate = {
      async run(work) {
        const isFirst = ++calls === 1;
        const value = await work();
        if (isFirst) throw new Error('the disk is full');
        return value;
      },
    };
    const outbox = bed.outbox({ gate });
    await outbox.append(event('a'));
    while (outbox.trouble !== undefined) await sleep(1);
    await outbox.append(event('b'));
    await outbox.close();
    expect(await ids()).toEqual(['a', 'b']);
  });
});

test('an outbox that holds as much as it may takes nothing until there is room', async () => {
  const outbox = bed.outbox({ maxBytes: 1000 });
  for (let i = 0; i < 20; i++) await outbox.append(event(`${i}`));
  expect(bed.pending.bytes).toBeLessThanOrEqual(1000);
  expect(bed.lost.count).toBe(20 - (await ids()).length);
  expect(bed.lost.count).toBeGreaterThan(5);
  bed.pending.bytes = 0;
  await outbox.append(event('last'));
  expect((await ids()).at(-1)).toBe('last');
  await outbox.close();
});
