import { describe, expect, test } from 'vitest';
import { createLookup } from '../../src/net/lookup.ts';

/** A name server that counts, with a clock. */
function openNames(options: { maxNames?: number } = {}) {
  const asked: string[] = [];
  const clock = { now: 0 };
  const pending: { resolve: (address: string) => void; reject: (error: Error) => void }[] = [];
  const lookup = createLookup({
    ...options,
    now: () => clock.now,
    ttlMs: 1_000,
    resolve: (name) => {
      asked.push(name);
      return new Promise((resolve, reject) => {
        pending.push({ resolve: (address) => resolve([{ address, family: 4 }]), reject });
      });
    },
  });
  return { lookup, asked, clock, pending };
}

describe('a look-up', () => {
  test('is shared by those who ask at the same time', async () => {
    const { lookup, asked, pending } = openNames();
    const answers = Promise.all([lookup('a.example'), lookup('a.example')]);
    pending[0]!.resolve('192.0.2.1');
    expect(await answers).toEqual(Array(2).fill([{ address: '192.0.2.1', family: 4 }]));
    expect(asked).toEqual(['a.example']);
  });

  test('is kept from its answer on for its time, and not longer', async () => {
    const { lookup, asked, clock, pending } = openNames();
    const first = lookup('a.example');
    clock.now = 5_000;
    pending[0]!.resolve('192.0.2.1');
    await first;
    clock.now = 5_999;
    await lookup('a.example');
    expect(asked).toHaveLength(1);
    clock.now = 6_000;
    void lookup('a.example');
    expect(asked).toHaveLength(2);
  });

  test('that fails is not kept', async () => {
    const { lookup, asked, pending } = openNames();
    const first = lookup('a.example');
    pending[0]!.reject(new Error('no such host'));
    await expect(first).rejects.toThrow('no such host');
    void lookup('a.example');
    expect(asked).toHaveLength(2);
  });

  test('of another name is another one', () => {
    const { lookup, asked } = openNames();
    void lookup('a.example');
    void lookup('b.example');
    expect(asked).toEqual(['a.example', 'b.example']);
  });

  test('of too many names drops the oldest', async () => {
    const { lookup, asked, pending } = openNames({ maxNames: 2 });
    for (const name of ['a', 'b', 'c']) {
      const answer = lookup(name);
      pending.at(-1)!.resolve('192.0.2.1');
      await answer;
    }
    await lookup('b');
    await lookup('c');
    expect(asked).toEqual(['a', 'b', 'c']);
    void lookup('a');
    expect(asked).toEqual(['a', 'b', 'c', 'a']);
  });

  test('asks the system when nothing else is given', async () => {
    const addresses = await createLookup()('localhost');
    expect(addresses.map(({ address }) => address)).toContain('127.0.0.1');
  });
});
