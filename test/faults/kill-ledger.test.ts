import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatModuleVersion } from '../../src/module/version.ts';
import { checked } from '../../src/storage/checked.ts';
import { openDiskStore } from '../../src/storage/disk.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { parseCommit } from '../../src/sumdb/ledger-commit.ts';
import { verifyLedger } from '../../src/sumdb/ledger-verify.ts';
import { readStored } from '../../src/sumdb/read-stored.ts';
import { ledgerName, numbered, signerOf, verifier } from '../sumdb/ledger-versions.ts';
import { createRandom, pick, type Random, seed } from './random.ts';

const rounds = 30;
const writers = 3;
/** Versions of a round that nobody asked for before. */
const perRound = 60;

const program = fileURLToPath(new URL('./ledger-writer.ts', import.meta.url));
const { signal } = new AbortController();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kill-ledger-'));
  // Node writes its cache of compiled code when it ends well, which no other of these processes does.
  const warm = start('warm', 'warm');
  warm.stdin.end('go\n');
  await once(warm, 'close');
});
afterAll(() => rm(folder, { recursive: true }));

type Writer = ChildProcessByStdio<Writable, Readable, null>;

function start(root: string, name: string): Writer {
  const env = { PATH: process.env.PATH, TMPDIR: folder, NODE_COMPILE_CACHE: join(folder, 'code') };
  return spawn(process.execPath, [program, join(folder, root), name], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
}

function startAll(round: number): Writer[] {
  return Array.from({ length: writers }, (_, i) => start('store', `writer ${round} ${i}`));
}

/** Tells all writers what to look up, kills them in the middle of it, and gives what they had said. */
async function interrupt(running: readonly Writer[], work: readonly number[][], random: Random) {
  const said: string[] = [];
  const started = Promise.withResolvers<void>();
  const moment = pick(random, perRound * 2);
  const ended = running.map(async (writer, i) => {
    writer.stdin.on('error', () => undefined);
    writer.stdin.write(`${work[i]!.join('\n')}\ngo\n`);
    createInterface({ input: writer.stdout }).on('line', (line) => {
      if (said.push(line) > moment) started.resolve();
    });
    await once(writer, 'close');
  });
  const begun = random() < 0.3 ? sleep(random() * 80) : started.promise;
  await Promise.race([begun, Promise.all(ended)]);
  for (const writer of running) {
    await sleep(random() ** 2 * 10);
    writer.kill('SIGKILL');
  }
  await Promise.all(ended);
  return said.filter((line) => line !== 'ready');
}

test(`of ${rounds * writers} processes that append to one private log and are killed, none leaves a hole, a second record or a second head (seed ${seed})`, {
  timeout: 300_000,
}, async () => {
  const random = createRandom(1);
  const said: string[] = [];
  let interrupted = 0;
  let next = startAll(0);
  try {
    for (let round = 0; round < rounds; round++) {
      const running = next;
      // The code of the next ones is loaded meanwhile; they touch the store only when they are told to go.
      next = startAll(round + 1);
      const lines = await interrupt(running, workOf(round, random), random);
      if (lines.filter((line) => line === 'done').length < writers) interrupted++;
      said.push(...lines.filter((line) => line !== 'done'));
      const store = await openStore();
      const { problems } = await verifyLedger({ verifierKey: signerOf().verifierKey, store, signal });
      expect(problems, `after round ${round}`).toEqual([]);
    }
  } finally {
    for (const writer of next) writer.kill('SIGKILL');
    await Promise.all(next.map((writer) => once(writer, 'close')));
  }
  // Else the moments were not in the middle of anything.
  expect(interrupted).toBeGreaterThan(rounds / 2);
  await checkSaid(said);
});

/** For each writer, most of the versions of this round and some of earlier ones. */
function workOf(round: number, random: Random): number[][] {
  const fresh = Array.from({ length: perRound }, (_, i) => round * perRound + i);
  return Array.from({ length: writers }, () => [
    ...fresh.filter(() => random() < 0.8),
    ...Array.from({ length: 10 }, () => pick(random, (round + 1) * perRound)),
  ]);
}

function openStore(): Promise<BlobStore> {
  return openDiskStore({ root: join(folder, 'store') }).then(checked);
}

/** Holds what clients were told against the commits: each version has one record, each size one head. */
async function checkSaid(said: readonly string[]): Promise<void> {
  const store = await openStore();
  const records = new Map<string, string>();
  const heads = new Map<string, string>();
  for await (const key of store.list(`sumdb/${ledgerName}/commit/`)) {
    const { logged, head } = parseCommit((await readStored(store, key, signal))!, verifier);
    for (const { version, id, sums } of logged) {
      const module = formatModuleVersion(version);
      expect(records.has(module), `${module} has one record`).toBe(false);
      records.set(module, `${id} ${sums.zip}`);
    }
    heads.set(String(head.tree.size), head.tree.hash.toString('base64'));
  }
  const refused = said.filter((line) => line.endsWith(' refused'));
  const told = said.filter((line) => !line.endsWith(' refused'));
  for (const line of told) {
    const [n, id, zip, size, hash] = line.split(' ');
    expect(records.get(formatModuleVersion(numbered(Number(n)))), line).toBe(`${id} ${zip}`);
    expect(heads.get(size!), line).toBe(hash);
  }
  for (const line of refused) expect(Number.parseInt(line, 10) % 7, line).toBe(0);
  expect(told.length).toBeGreaterThan(rounds * 10);
  expect(refused.length).toBeGreaterThan(0);
}
