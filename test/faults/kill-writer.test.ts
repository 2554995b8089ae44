import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModuleFile } from '../../src/fetch/fetcher.ts';
import { formatKey, parseKey } from '../../src/module/target.ts';
import type { Opened } from '../../src/stash/modules.ts';
import { openDiskStore } from '../../src/storage/disk.ts';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';
import { createRandom, noise, pick, type Random, seed } from './random.ts';
import { checkStored, keysIn, unfinished } from './shelf.ts';
import { ask, openSmallHouse } from './small-house.ts';

/** Each lane has its own store, so that both processors have something to do. */
const lanes = 2;
const rounds = 100;
const asksPerRound = 6;

/** Sizes of the one large file in a zip: in one chunk, in several, in more than a follower's buffer. */
const sizes = [1_000, 90_000, 700_000];

const program = fileURLToPath(new URL('./writer.ts', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kill-'));
  // Node writes its cache of compiled code when it ends well, which no other of these processes does.
  await tell(start('warm', 'http://127.0.0.1:9'), 'go\n').ended;
});
afterAll(() => rm(folder, { recursive: true }));

type Writer = ChildProcessByStdio<Writable, Readable, null>;

/** One file of a version that a client asks for. */
interface Asked {
  readonly path: string;
  readonly version: string;
  readonly file: ModuleFile;
}

function start(root: string, upstream: string): Writer {
  const env = { PATH: process.env.PATH, TMPDIR: folder, NODE_COMPILE_CACHE: join(folder, 'code') };
  return spawn(process.execPath, [program, join(folder, root), upstream], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
}

/** What a writer says. */
interface Report {
  readonly lines: readonly string[];
  /** Fulfilled when it has said so many lines, or has ended. */
  said(count: number): Promise<void>;
  readonly ended: Promise<void>;
}

/** Tells a writer what to do, and listens. */
function tell(writer: Writer, work: string): Report {
  const lines: string[] = [];
  const input = createInterface({ input: writer.stdout });
  const ended = once(writer, 'close').then(() => undefined);
  input.on('line', (line) => lines.push(line));
  writer.stdin.on('error', () => undefined);
  writer.stdin.write(work);
  return {
    lines,
    said: (count) =>
      new Promise((resolve) => {
        const check = () => lines.length >= count && resolve();
        input.on('line', check);
        check();
        void ended.then(resolve);
      }),
    ended,
  };
}

test(`of ${lanes * rounds} writers killed at random moments, each left whole what it had acknowledged, and nothing broken (seed ${seed})`, {
  timeout: 300_000,
}, async () => {
  const running = Array.from({ length: lanes }, (_, lane) => runLane(lane));
  // A lane that failed must not leave the other one running.
  await Promise.allSettled(running);
  const interrupted = await Promise.all(running);
  // Else the moments were not in the middle of anything.
  expect(interrupted[0]! + interrupted[1]!).toBeGreaterThan((lanes * rounds) / 4);
});

/** Kills one writer after another over one store; gives how many were in the middle of writing. */
async function runLane(lane: number): Promise<number> {
  const random = createRandom(lane);
  const root = join(folder, `lane${lane}`);
  await using upstream = await startUpstream();
  const acknowledged = new Set<string>();
  let waiting: Asked[] = [];
  let seen: ReadonlySet<string> = new Set();
  let interrupted = 0;
  let next = start(`lane${lane}`, upstream.url);
  for (let round = 0; round < rounds; round++) {
    const writer = next;
    // The code of the next one is loaded meanwhile; it touches the store only when it is told to go.
    next = start(`lane${lane}`, upstream.url);
    if (waiting.length < asksPerRound) waiting.push(...(await newModule(upstream, random, lane, round)));
    const work = waiting.slice(0, asksPerRound);
    const requests = upstream.count();
    const report = tell(writer, [...work.map(lineOf), 'go', ''].join('\n'));
    // The moments are counted in what happens: requests to the source, of which a first download makes three, then ends.
    const moment = pick(random, 3 * asksPerRound);
    await (moment < 2 * asksPerRound
      ? Promise.race([upstream.request(() => true, requests + moment), report.ended])
      : report.said(1 + moment - 2 * asksPerRound));
    await sleep(random() ** 2 * 30);
    writer.kill('SIGKILL');
    await report.ended;

    for (const line of report.lines) {
      if (line === 'ready' || line === 'done') continue;
      const asked = work.find((each) => line.startsWith(`${lineOf(each)} `))!;
      expect(line, 'what was acknowledged').toBe(`${lineOf(asked)} ${hashOf(upstream, asked)}`);
      acknowledged.add(formatKey(asked.path, asked.version, asked.file));
      waiting = waiting.filter((each) => each !== asked);
    }
    if ((await unfinished(root).catch(() => [])).length > 0) interrupted++;
    await openDiskStore({ root });
    expect(await unfinished(root), 'unfinished files after the store was opened again').toEqual([]);
    const keys = await keysIn(root);
    expect(
      [...acknowledged].filter((key) => !keys.has(key)),
      'acknowledged, and gone',
    ).toEqual([]);
    await checkStored(root, keys.difference(seen), upstream.fixture);
    seen = keys;
  }
  next.kill('SIGKILL');
  await once(next, 'close');
  await checkAll(root, upstream, acknowledged, waiting);
  return interrupted;
}

/** At the end, without the source: everything is served, whole and equal, and what was interrupted can be had. */
async function checkAll(
  root: string,
  upstream: FakeUpstream,
  acknowledged: ReadonlySet<string>,
  waiting: readonly Asked[],
): Promise<void> {
  {
    await using house = await openSmallHouse(root, upstream.url);
    for (const { path, version, file } of waiting)
      await read(await house.stash.open({ path, version }, file, ask()));
  }
  await upstream.stop();
  await using house = await openSmallHouse(root, upstream.url);
  const keys = await keysIn(root);
  expect(acknowledged.size).toBeGreaterThan(rounds / 2);
  expect([...acknowledged].filter((key) => !keys.has(key))).toEqual([]);
  for (const key of keys) {
    const { path, version, extension } = parseKey(key)!;
    if (extension === 'ziphash') continue;
    const opened = await house.stash.open({ path, version }, extension, ask());
    expect((await read(opened)).equals(upstream.fixture(path, version)[extension]), key).toBe(true);
  }
  expect(await unfinished(root)).toEqual([]);
}

/** Something new to ask for: a module with a few versions, as zips and small files. */
async function newModule(
  upstream: FakeUpstream,
  random: Random,
  lane: number,
  round: number,
): Promise<Asked[]> {
  const path = `example.com/lane${lane}/round${round}`;
  const names = ['v1.0.0', 'v1.1.0', 'v2.0.0+incompatible'];
  const versions = Object.fromEntries(
    names.map((version) => {
      const data = noise(random, sizes[pick(random, sizes.length)]!);
      const files = { 'm.go': 'package m\n', 'data.bin': data };
      const parts = version.endsWith('incompatible')
        ? { files }
        : { files: { 'go.mod': `module ${path}\n`, ...files } };
      return [version, { ...parts, compress: false }];
    }),
  );
  await upstream.add({ path, versions });
  return names.flatMap((version) => {
    const small = random() < 0.5 ? 'mod' : 'info';
    return [
      { path, version, file: 'zip' as const },
      { path, version, file: small as ModuleFile },
    ];
  });
}

function lineOf({ path, version, file }: Asked): string {
  return `${path} ${version} ${file}`;
}

function hashOf(upstream: FakeUpstream, { path, version, file }: Asked): string {
  return createHash('sha256').update(upstream.fixture(path, version)[file]).digest('hex');
}

async function read(opened: Opened): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of opened.read({ signal: ask().signal })) chunks.push(Buffer.from(chunk));
  await opened.close();
  return Buffer.concat(chunks);
}
