import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDrain } from '../../src/catalog/drain.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite-catalog.ts';
import { ownName, readProcesses } from '../../src/storage/processes.ts';
import { createRandom, pick, seed } from './random.ts';

/** Processes that share the data at each time. */
const lanes = 2;
const rounds = 25;

const program = fileURLToPath(new URL('./outbox-writer.ts', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kill-outbox-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Writer {
  readonly child: ChildProcess;
  /** Fulfilled when it has said so many lines. */
  said(count: number): Promise<void>;
  /** Kills it; what it had said until then, but for `ready`. */
  kill(): Promise<readonly string[]>;
}

function start(name: string): Writer {
  const child = spawn(process.execPath, [program, folder, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: join(folder, 'code') },
  });
  const lines: string[] = [];
  const input = createInterface({ input: child.stdout! });
  input.on('line', (line) => lines.push(line));
  child.stdin!.on('error', () => undefined);
  return {
    child,
    said: (count) =>
      new Promise((resolve) => {
        const check = () => lines.length >= count && resolve();
        input.on('line', check);
        check();
      }),
    async kill() {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
      return lines.slice(1);
    },
  };
}

test(`of what ${lanes * rounds} processes killed at random moments had told, nothing is lost and nothing there twice (seed ${seed})`, {
  timeout: 120_000,
}, async () => {
  const told = new Set<string>();
  let left = 0;
  const running = Array.from({ length: lanes }, async (_, lane) => {
    const random = createRandom(2000 + lane);
    let next = start(`${lane}-0`);
    for (let round = 0; round < rounds; round++) {
      const writer = next;
      // The code of the next one is loaded meanwhile.
      next = start(`${lane}-${round + 1}`);
      await writer.said(1);
      writer.child.stdin!.write('go\n');
      await writer.said(2 + pick(random, 60));
      await sleep(random() ** 2 * 500);
      for (const line of await writer.kill()) told.add(`${lane}-${round}-${line}`);
      if ((await readdir(join(folder, 'outbox'))).length > 0) left++;
    }
    await next.kill();
  });
  // A lane that failed must not leave the other one running.
  await Promise.allSettled(running);
  await Promise.all(running);
  // Else the moments were not in the middle of anything.
  expect(left).toBeGreaterThan(rounds / 2);
  expect(told.size).toBeGreaterThan(lanes * rounds * 10);

  const processes = await readProcesses();
  const { catalog, close } = await openSqliteCatalog(join(folder, 'catalog.db'), () => undefined);
  const drain = createDrain({
    folder: join(folder, 'outbox'),
    owner: ownName(processes.self),
    catalog: async () => catalog,
    processes,
    applied: () => undefined,
    unreadable: (_, line) => expect.fail(`a line that nobody can read: ${line}`),
  });
  await drain.run();
  const everything = { limit: 1_000_000 };
  const [events, versions, jobs] = await Promise.all([
    catalog.events(everything),
    catalog.versions(everything),
    catalog.jobs.list(everything),
  ]);
  await close();
  const found = [
    events.map(({ text }) => text),
    versions.map(({ path, version }) => `${path.slice('example.com/'.length)}-${version.split('.')[1]}`),
    jobs.map(({ key }) => key),
  ];
  for (const names of found) {
    expect(new Set(names).size).toBe(names.length);
    expect([...told.difference(new Set(names))]).toEqual([]);
  }
  expect((await readdir(join(folder, 'outbox'))).filter((name) => name !== 'reconcile')).toEqual([]);
});
