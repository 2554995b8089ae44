import { describe, expect, test } from 'vitest';
import { isStoaError, StoaError } from '../../src/errors.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { ask, type House, openHouse, readAll } from '../stash/house.ts';
import { createFailingStore } from './failing-store.ts';
import { createRandom, noise, type Random, seed } from './random.ts';

const path = 'example.com/m';
const versions = ['v1.0.0', 'v1.1.0', 'v1.2.0'];
/** Listed, and never asked for: a list of what is stored alone would lack it. */
const unasked = 'v1.3.0';
const data = noise(createRandom(6000), 300_000);
const modules = [
  {
    path,
    versions: Object.fromEntries(
      [...versions, unasked].map((version, i) => [
        version,
        { files: { 'go.mod': `module ${path}\n`, 'data.bin': data.subarray(i) }, compress: false },
      ]),
    ),
    queries: { main: 'v1.1.0' },
  },
];

/** Everything a client can ask for, and what the right answer is. */
interface Question {
  readonly name: string;
  answer(house: House): Promise<Buffer>;
  expected(house: House): Buffer;
}

const questions: readonly Question[] = [
  ...versions.flatMap((version, i) =>
    (['info', 'mod', 'zip'] as const).map((file) => ({
      name: `${version}.${file}`,
      // A zip in turn by a client that takes it while it comes, and by one that waits.
      answer: async (house: House) =>
        readAll(house.stash.open({ path, version }, file, ask({ mayStream: i !== 1 }))),
      expected: (house: House) => house.upstream.fixture(path, version)[file],
    })),
  ),
  {
    name: 'list',
    answer: async (house) => Buffer.from((await house.stash.list(path, ask())).bytes),
    expected: () => Buffer.from([...versions, unasked].map((version) => `${version}\n`).join('')),
  },
  {
    name: 'latest',
    answer: async (house) => Buffer.from((await house.stash.query(path, 'latest', ask())).bytes),
    expected: (house) => house.upstream.fixture(path, unasked).info,
  },
  {
    name: 'main',
    answer: async (house) => Buffer.from((await house.stash.query(path, 'main', ask())).bytes),
    expected: (house) => house.upstream.fixture(path, 'v1.1.0').info,
  },
];

describe.each([1, 2, 3, 4, 5, 6, 7])('a store of which every call number %i fails', (everyNth) => {
  test(`shows no wrong byte and nothing by halves, and when it is well all is served (seed ${seed})`, async () => {
    const failing = createFailingStore(everyNth);
    let disk: BlobStore | undefined;
    await using house = await openHouse({
      modules,
      // Without a memory that hides the store.
      limits: { memoryBytes: 1024 },
      freshness: { freshMs: 0, revalidateMs: 0 },
      wrap(store) {
        disk = store;
        return failing.wrap(store);
      },
    });
    const random = createRandom(6100 + everyNth);
    for (let round = 0; round < 6; round++) {
      for (const question of shuffled(random, questions)) {
        await tryOnce(house, question);
        await checkDisk(house, disk!);
      }
      // What a process remembers hides the store, too.
      await house.restart();
    }
    expect(failing.failures).toBeGreaterThan(10);

    failing.heal();
    for (const question of questions) {
      const bytes = await question.answer(house);
      expect(bytes.equals(question.expected(house)), question.name).toBe(true);
    }
    await house.upstream.stop();
    await house.restart();
    for (const question of questions) {
      const bytes = await question.answer(house);
      expect(bytes.equals(question.expected(house)), `${question.name}, without the source`).toBe(true);
    }
    await expect.poll(() => house.leftOvers()).toEqual([]);
    expect(house.events).toEqual([]);
  });
});

test('a list is not shortened by a store that cannot tell what the source said', async () => {
  let unreadable = false;
  await using house = await openHouse({
    modules,
    freshness: { freshMs: 0, revalidateMs: 0 },
    wrap: (store) => ({
      ...store,
      async get(key, options) {
        if (unreadable && key.startsWith('fresh/'))
          throw new StoaError('storage', `${key}: input/output error`);
        return store.get(key, options);
      },
    }),
  });
  await readAll(house.stash.open({ path, version: 'v1.0.0' }, 'zip', ask()));
  await house.restart();
  unreadable = true;
  await expect(async () => house.stash.list(path, ask())).rejects.toMatchObject({ kind: 'storage' });
});

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/** The right answer, or a failure that is the store's alone: never an absence, never a verdict. */
async function tryOnce(house: House, question: Question): Promise<void> {
  let bytes: Buffer;
  try {
    bytes = await question.answer(house);
  } catch (error) {
    expect(isStoaError(error, 'storage'), `${question.name}: ${String(error)}`).toBe(true);
    return;
  }
  expect(bytes.equals(question.expected(house)), question.name).toBe(true);
}

/** What stands is whole, and a hash stands only with its zip. */
async function checkDisk(house: House, disk: BlobStore): Promise<void> {
  for (const version of versions) {
    const fixture = house.upstream.fixture(path, version);
    const read = async (extension: string): Promise<Buffer | undefined> => {
      await using blob = await disk.get(`${path}/@v/${version}.${extension}`);
      if (blob === undefined) return undefined;
      const chunks: Buffer[] = [];
      for await (const chunk of blob.read()) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks);
    };
    for (const file of ['info', 'mod', 'zip'] as const) {
      const bytes = await read(file);
      expect(bytes === undefined || bytes.equals(fixture[file]), `${version}.${file}`).toBe(true);
    }
    const hash = await read('ziphash');
    if (hash === undefined) continue;
    expect(hash.toString()).toBe(fixture.h1);
    expect(await disk.stat(`${path}/@v/${version}.zip`), version).toBeDefined();
  }
}
