import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createTurns } from '../../src/fetch/turns.ts';

describe('turns', () => {
  it('come first come, first served, none at once', async () => {
    const turns = createTurns();
    const order: number[] = [];
    const all = [1, 2, 3, 4, 5].map((number) =>
      new Promise<void>((resolve) => turns(resolve)).then(() => order.push(number)),
    );
    expect(order).toEqual([]);
    await Promise.all(all);
    expect(order).toEqual([1, 2, 3, 4, 5]);
  });

  it('are two in each turn of the event loop at most, so that others come in between', async () => {
    const turns = createTurns();
    let passed = 0;
    const counts: number[] = [];
    for (let i = 0; i < 20; i++) turns(() => passed++);
    for (let before = -1; passed < 20; before = passed) {
      await setImmediate();
      counts.push(passed - Math.max(0, before));
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
    expect(counts.length).toBeLessThanOrEqual(12);
  });

  it('go on after a rest, and for those who ask during a turn', async () => {
    const turns = createTurns();
    const order: string[] = [];
    const turn = (name: string) =>
      new Promise<void>((resolve) => turns(resolve)).then(() => order.push(name));
    await turn('first');
    for (let i = 0; i < 5; i++) await setImmediate();
    let inside: Promise<number> | undefined;
    turns(() => {
      inside = turn('inside');
    });
    await turn('second');
    await inside;
    expect(order).toEqual(['first', 'second', 'inside']);
  });

  it('leave nothing behind that keeps the process going', async () => {
    const turns = createTurns();
    await new Promise<void>((resolve) => turns(resolve));
    await setImmediate();
    await setImmediate();
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Immediate')).toEqual([]);
  });
});
