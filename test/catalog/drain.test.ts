import { appendFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatEntry } from '../../src/catalog/entry.ts';
import { event, job, namesIn, stored } from '../conformance/catalog-kit.ts';
import { type Bed, openBed } from './bed.ts';

let bed: Bed;
beforeEach(async () => {
  bed = await openBed();
});
afterEach(() => bed[Symbol.asyncDispose]());

async function ids(): Promise<string[]> {
  return (await bed.catalog().events({ limit: 10_000 })).map(({ id }) => id);
}

function lines(...names: string[]): string {
  return names.map((id) => `${formatEntry(event(id))}\n`).join('');
}

async function segments(): Promise<string[]> {
  return Object.keys(await bed.lines());
}

describe('what this process appends', () => {
  test('comes into the catalog, and only the last segment stays', async () => {
    const outbox = bed.outbox({ segmentBytes: 4000 });
    const drain = bed.drain();
    const names = Array.from({ length: 300 }, (_, i) => `event-${i}`);
    for (const id of names.slice(0, 100)) await outbox.append(event(id));
    await drain.run();
    expect((await ids()).sort()).toEqual(names.slice(0, 100).sort());
    for (const id of names.slice(100)) await outbox.append(event(id));
    await drain.run();
    expect((await ids()).sort()).toEqual([...names].sort());
    expect(await segments()).toHaveLength(1);
    expect(bed.applied).toHaveLength(300);
    expect(await drain.left()).toEqual({ bytes: 0 });
    await outbox.close();
    await drain.finish();
    expect(await segments()).toEqual([]);
  });

  test('is told while it waits: how much, and since when', async () => {
    const outbox = bed.outbox();
    const drain = bed.drain();
    await outbox.append(event('a', { at: 1000 }));
    await outbox.append(event('b', { at: 2000 }));
    expect(await drain.left()).toEqual({ bytes: bed.pending.bytes, oldest: 1000 });
    await drain.run();
    await outbox.append(event('c', { at: 3000 }));
    expect(await drain.left()).toMatchObject({ oldest: 3000 });
    await outbox.close();
  });

  test('goes into a catalog that took the place of another from the beginning', async () => {
    const outbox = bed.outbox();
    const drain = bed.drain();
    await outbox.append(stored());
    await drain.run();
    for (const end of ['', '-wal', '-shm']) await rm(bed.file + end, { force: true });
    await bed.reopen();
    await outbox.append(stored({ version: 'v1.1.0' }));
    await drain.run();
    expect(await namesIn(bed.catalog())).toEqual(['example.com/m@v1.0.0', 'example.com/m@v1.1.0']);
    await outbox.close();
  });
});

describe('what another process left', () => {
  test('comes into the catalog and goes, when it has ended; half a line is none', async () => {
    await bed.leave(7, `${lines('a', 'b')}${lines('c').slice(0, 30)}`);
    await bed.drain().run();
    expect((await ids()).sort()).toEqual(['a', 'b']);
    expect(bed.unreadable).toEqual([]);
    expect(await segments()).toEqual([]);
  });

  test('is left to it while it runs', async () => {
    bed.states.set(7, 'running');
    const name = await bed.leave(7, lines('a'));
    const drain = bed.drain();
    await drain.run();
    expect(await ids()).toEqual([]);
    expect(await segments()).toEqual([name]);
    expect(await drain.left()).toEqual({ bytes: 0 });
    expect(await drain.hasStrays()).toBe(false);
  });

  test('comes at once where nobody can tell whether it runs, and goes when it was silent for an hour', async () => {
    bed.states.set(7, 'unknown');
    const name = await bed.leave(7, lines('a'));
    const drain = bed.drain();
    expect(await drain.hasStrays()).toBe(true);
    await drain.run();
    expect(await ids()).toEqual(['a']);
    expect(await segments()).toEqual([name]);
    await appendFile(join(bed.folder, name), lines('b'));
    await drain.run();
    expect((await ids()).sort()).toEqual(['a', 'b']);
    const before = new Date(bed.clock.now - 61 * 60 * 1000);
    await utimes(join(bed.folder, name), before, before);
    await drain.run();
    expect(await segments()).toEqual([]);
  });

  test('comes once, though two bring it', async () => {
    bed.states.set(7, 'unknown');
    const name = await bed.leave(7, lines('a', 'b'));
    const [one, other] = [bed.drain(), bed.drain('another')];
    await one.run();
    await bed.catalog().apply([job('done')]);
    await other.run();
    await appendFile(join(bed.folder, name), lines('c'));
    await Promise.all([one.run(), other.run()]);
    expect((await ids()).sort()).toEqual(['a', 'b', 'c']);
    expect(bed.applied).toHaveLength(3);
  });

  test('is read past a line that nobody can read, which is told', async () => {
    await bed.leave(7, `${lines('a')}{"type":"token","at":1}\nnot at all\n${lines('b')}`);
    await bed.leave(8, `${'x'.repeat(300_000)}\n${lines('c')}`);
    await bed.drain().run();
    expect((await ids()).sort()).toEqual(['a', 'b', 'c']);
    expect(bed.unreadable.slice(0, 2)).toEqual(['{"type":"token","at":1}', 'not at all']);
    expect(await segments()).toEqual([]);
  });

  test('stays while the catalog takes nothing', async () => {
    await bed.leave(7, lines('a'));
    const drain = bed.drain();
    await bed.catalog().apply([], undefined);
    const apply = bed.catalog().apply;
    Object.assign(bed.catalog(), { apply: () => Promise.reject(new Error('no')) });
    await expect(drain.run()).rejects.toThrow('no');
    expect(await segments()).toHaveLength(1);
    Object.assign(bed.catalog(), { apply });
    await drain.run();
    expect(await ids()).toEqual(['a']);
  });
});
