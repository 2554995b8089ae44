import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOpenZips, type Lease, type OpenZips } from '../../src/stash/open-zips.ts';
import type { Blob } from '../../src/storage/store.ts';

/** An open blob that is nothing but its identity. */
interface FakeBlob extends Blob {
  closed: number;
}

function blobOf(identity: string, { ranges = true } = {}): FakeBlob {
  const blob: FakeBlob = {
    size: identity.length,
    identity,
    length: identity.length,
    closed: 0,
    async *read() {
      yield Buffer.from(identity);
    },
    ...(ranges && {
      async *readRange({ start, end }) {
        if (blob.closed > 0) throw new Error('read after it was closed');
        yield Buffer.from(identity).subarray(start, end);
      },
    }),
    async close() {
      blob.closed++;
    },
    [Symbol.asyncDispose]: () => blob.close(),
  };
  return blob;
}

let now: number;
let life: AbortController;
let zips: OpenZips<string>;

beforeEach(() => {
  vi.useFakeTimers();
  now = 1_000_000;
  life = new AbortController();
  zips = createOpenZips({ life: life.signal, now: () => now });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets so much time pass, on the clock and for timers. */
async function pass(ms: number): Promise<void> {
  now += ms;
  await vi.advanceTimersByTimeAsync(ms);
}

/** Keeps a blob that nobody uses at the moment. */
async function keepIdle(key: string, blob: FakeBlob): Promise<void> {
  await zips.keep(key, blob, `about ${key}`).close();
}

async function textOf(lease: Lease<string> | undefined): Promise<string> {
  let text = '';
  for await (const chunk of lease!.read({})) text += Buffer.from(chunk).toString();
  return text;
}

/** What a look into the store finds. */
const info = (identity: string) => ({ identity, size: identity.length });

describe('an open zip', () => {
  it('is given again without a look for a second, with what was kept with it', async () => {
    const blob = blobOf('first');
    await keepIdle('k', blob);
    await pass(999);
    const lease = zips.recent('k');
    expect(lease).toMatchObject({ about: 'about k', info: { identity: 'first', size: 5 } });
    expect(await textOf(lease)).toBe('first');
    expect(blob.closed).toBe(0);
  });

  it('is looked for by one after a second, and given to the others meanwhile', async () => {
    await keepIdle('k', blobOf('first'));
    await pass(1000);
    expect(zips.recent('k')).toBeUndefined();
    expect(await textOf(zips.recent('k'))).toBe('first');
    expect(await textOf(zips.seen('k', info('first')))).toBe('first');
    await pass(999);
    expect(zips.recent('k')).toBeDefined();
  });

  it.each([
    ['replaced', info('second')],
    ['deleted', undefined],
  ])('that was %s is given up when it is looked for, a second later at most', async (_, found) => {
    const blob = blobOf('first');
    await keepIdle('k', blob);
    await pass(1000);
    expect(zips.recent('k')).toBeUndefined();
    expect(zips.seen('k', found)).toBeUndefined();
    expect(zips.recent('k')).toBeUndefined();
    expect(blob.closed).toBe(1);
  });

  it('is looked for again when the clock was set back', async () => {
    await keepIdle('k', blobOf('first'));
    now -= 3_600_000;
    expect(zips.recent('k')).toBeUndefined();
    expect(zips.recent('k')).toBeDefined();
  });

  it('that was given up is open until the last who reads it is done', async () => {
    const blob = blobOf('first');
    const [one, two] = [zips.keep('k', blob, ''), zips.recent('k')!];
    expect(zips.seen('k', undefined)).toBeUndefined();
    await one.close();
    await one.close();
    expect(blob.closed).toBe(0);
    expect(await textOf(two)).toBe('first');
    await two.close();
    expect(blob.closed).toBe(1);
  });

  it('is closed after ten seconds without use', async () => {
    const blob = blobOf('first');
    await keepIdle('k', blob);
    await pass(5000);
    await zips.seen('k', info('first'))?.close();
    await pass(9999);
    expect(blob.closed).toBe(0);
    await pass(10_000);
    expect(blob.closed).toBe(1);
    expect(zips.seen('k', info('first'))).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is closed after ten seconds when the clock was set back meanwhile, too', async () => {
    const blob = blobOf('first');
    await keepIdle('k', blob);
    now -= 3_600_000;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(blob.closed).toBe(1);
  });

  it('that is read for longer is given up by then, and closed at its end', async () => {
    const blob = blobOf('first');
    const lease = zips.keep('k', blob, '');
    await pass(20_000);
    expect(blob.closed).toBe(0);
    expect(await textOf(lease)).toBe('first');
    await lease.close();
    expect(blob.closed).toBe(1);
  });

  it('is one of 128 at most: the one that was used least lately goes', async () => {
    const blobs = Array.from({ length: 129 }, (_, i) => blobOf(`zip ${i}`));
    for (const [i, blob] of blobs.slice(0, 128).entries()) await keepIdle(`k${i}`, blob);
    await zips.recent('k0')!.close();
    await keepIdle('k128', blobs[128]!);
    expect(blobs.flatMap((blob, i) => (blob.closed > 0 ? [i] : []))).toEqual([1]);
    expect(zips.recent('k1')).toBeUndefined();
    expect(await textOf(zips.recent('k0'))).toBe('zip 0');
  });

  it('is not kept twice: who opened it as well closes his own', async () => {
    const [first, second] = [blobOf('same'), blobOf('same')];
    await keepIdle('k', first);
    await keepIdle('k', second);
    expect([first.closed, second.closed]).toEqual([0, 1]);
  });

  it('takes the place of the one before it under its key', async () => {
    const [first, second] = [blobOf('first'), blobOf('second')];
    await keepIdle('k', first);
    await keepIdle('k', second);
    expect([first.closed, second.closed]).toEqual([1, 0]);
    expect(await textOf(zips.recent('k'))).toBe('second');
  });

  it('is not kept where it can be read once alone, nor when the server ends', async () => {
    const once = blobOf('once', { ranges: false });
    await keepIdle('k', once);
    expect([once.closed, zips.recent('k')]).toEqual([1, undefined]);
    life.abort();
    const late = blobOf('late');
    await keepIdle('k', late);
    expect([late.closed, zips.recent('k')]).toEqual([1, undefined]);
  });

  it('is closed soon after the server ended', async () => {
    const blob = blobOf('first');
    await keepIdle('k', blob);
    await pass(9000);
    await zips.seen('k', info('first'))?.close();
    life.abort();
    await pass(1000);
    expect(blob.closed).toBe(1);
  });
});
