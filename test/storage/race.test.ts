import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Minio } from '../../scripts/services/minio.ts';
import { openFolder, pattern, read } from '../conformance/store-kit.ts';
import { openRaceStore, type RaceStore } from './race-child.ts';
import { connectionTo, minioProgram, openMinio } from './s3-kit.ts';

const program = fileURLToPath(new URL('./race-child.ts', import.meta.url));

/** Writers of each of the four processes: fifty in all. */
const writers = [13, 13, 12, 12];

/** Rounds for small blobs; for large ones, which an S3 store takes in parts, one in twenty of them. */
const rounds = Number(process.env.STOA_TEST_RACE_ROUNDS ?? 10);
const [smallBytes, largeBytes] = [20_000, 5 * 1024 * 1024];

let folder: Awaited<ReturnType<typeof openFolder>>;
beforeAll(async () => {
  folder = await openFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Races in every round, and looks at who won and what stands. */
async function race(store: RaceStore): Promise<void> {
  const children = writers.map((count, i) => {
    const child = spawn(process.execPath, [program, JSON.stringify(store), String(i + 1), String(count)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
  });
  for (const { lines } of children) expect((await lines.next()).value).toBe('ready');
  const own = await openRaceStore(store, 0);
  for (let round = 0; round < rounds + Math.ceil(rounds / 20); round++) {
    const key = `example.com/race/@v/v1.${round}.0.zip`;
    const bytes = round < rounds ? smallBytes : largeBytes;
    for (const { child } of children) child.stdin.write(`${key} ${bytes}\n`);
    const won = await Promise.all(
      children.map(async ({ lines }) => JSON.parse((await lines.next()).value!) as number[]),
    );
    const winners = won.flat();
    expect(winners.length, `round ${round}`).toBe(1);
    const [winner] = winners;
    expect((await read(own, key))!.equals(pattern(bytes + winner!, winner)), `round ${round}`).toBe(true);
  }
  await Promise.all(
    children.map(({ child }) => {
      const closed = once(child, 'close');
      child.stdin.end();
      return closed;
    }),
  );
}

describe(`of fifty writers in four processes one wins, in each of ${rounds} rounds`, () => {
  const timeout = 60_000 + rounds * 2_000;

  test('on disk', { timeout }, () => race({ root: join(folder.path, 'disk') }));

  describe.skipIf(minioProgram === undefined)('on S3', () => {
    let minio: Minio;
    beforeAll(async () => {
      minio = await openMinio();
    });
    afterAll(() => minio?.[Symbol.asyncDispose]());

    test('alone', { timeout }, async () => {
      await race({ s3: { ...connectionTo(minio), prefix: 'alone/' } });
      expect(await minio.unfinishedUploads()).toEqual([]);
    });

    test('behind caches', { timeout }, async () => {
      const s3 = { ...connectionTo(minio), prefix: 'tiered/' };
      await race({ s3, cache: join(folder.path, 'cache') });
      expect(await minio.unfinishedUploads()).toEqual([]);
    });
  });
});
