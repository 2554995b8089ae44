import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keysOf, openFolder, pattern, read } from '../conformance/store-kit.ts';
import { openChecked } from './disk-kit.ts';

const program = fileURLToPath(new URL('./put-child.ts', import.meta.url));
const rounds = 60;

let folder: Awaited<ReturnType<typeof openFolder>>;
let root: string;
beforeEach(async () => {
  folder = await openFolder();
  root = join(folder.path, 'store');
});
afterEach(() => folder[Symbol.asyncDispose]());

function start(...args: string[]): ChildProcessByStdio<Writable, Readable, null> {
  const env = { ...process.env, TMPDIR: folder.path };
  return spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'], env });
}

test(`a writer killed at ${rounds} random moments leaves only whole blobs, all that it told of, and no file for long`, {
  timeout: 180_000,
}, async () => {
  const told = new Set<string>();
  const checked = new Set<string>();
  let roundsWithRest = 0;
  for (let round = 0; round < rounds; round++) {
    const child = start('loop', root);
    const exit = once(child, 'exit');
    const lines = createInterface(child.stdout);
    let wanted = Math.floor(Math.random() * 12);
    lines.on('line', async (key) => {
      told.add(key);
      if (wanted-- !== 0) return;
      for (let turns = Math.random() * 200; turns > 0; turns--) await setImmediate();
      child.kill('SIGKILL');
    });
    const [, signal] = await exit;
    expect(signal).toBe('SIGKILL');
    if ((await readdir(join(root, '.tmp'))).length > 0) roundsWithRest++;

    const store = await openChecked({ root });
    expect(await readdir(join(root, '.tmp'))).toEqual([]);
    const keys = await keysOf(store);
    expect([...told].filter((key) => !keys.includes(key))).toEqual([]);
    for (const key of keys) {
      if (checked.has(key)) continue;
      const [, seed, size] = /v(\d+)\.(\d+)\.0\.zip$/.exec(key)!;
      expect((await read(store, key))!.equals(pattern(Number(size), Number(seed))), key).toBe(true);
      checked.add(key);
    }
  }
  // Else the moments were not in the middle of anything.
  expect(roundsWithRest).toBeGreaterThan(rounds / 10);
});

test('of two processes that put the same keys if absent, one wins each, and its content stands', async () => {
  const children = [1, 2].map((seed) => ({
    seed,
    child: start('race', root, String(seed)),
    won: [] as string[],
  }));
  await Promise.all(
    children.map(async (each) => {
      const lines = createInterface(each.child.stdout);
      await once(lines, 'line');
      lines.on('line', (line) => each.won.push(line));
    }),
  );
  for (const { child } of children) child.stdin.end('go');
  await Promise.all(children.map(({ child }) => once(child, 'close')));

  const [first, second] = children.map(({ won }) => won);
  expect([...first!, ...second!].toSorted()).toEqual(
    Array.from({ length: 100 }, (_, i) => String(i)).toSorted(),
  );
  const store = await openChecked({ root });
  for (const { seed, won } of children) {
    for (const i of won) {
      const key = `example.com/race/@v/v1.${i}.0.zip`;
      const expected = pattern(20_000 + Number(i), seed * 1000 + Number(i));
      expect((await read(store, key))!.equals(expected), key).toBe(true);
      expect((await stat(join(root, key))).nlink).toBe(1);
    }
  }
  expect(await readdir(join(root, '.tmp'))).toEqual([]);
});
