/**
 * A process that races for keys: it is given what store to open and which of the racing processes it is, and for each line
 * `KEY SIZE` on its input tells how many of its writers won that key.
 */
import { createInterface } from 'node:readline';
import { checked } from '../../src/storage/checked.ts';
import { openDiskCache } from '../../src/storage/disk-cache.ts';
import { createS3Store, type S3StoreOptions } from '../../src/storage/s3.ts';
import type { BlobStore } from '../../src/storage/store.ts';
import { createTieredStore } from '../../src/storage/tiered.ts';
import { pattern } from '../conformance/store-kit.ts';
import { openChecked } from './disk-kit.ts';

/** A store that several processes can open. */
export interface RaceStore {
  /** Of a store on disk. */
  readonly root?: string;
  readonly s3?: S3StoreOptions;
  /** The folder of a cache before it, to which each process adds its number. */
  readonly cache?: string;
}

/** Opens it for the process of that number. */
export async function openRaceStore({ root, s3, cache }: RaceStore, number: number): Promise<BlobStore> {
  const store = root === undefined ? createS3Store(s3!).store : await openChecked({ root });
  if (cache === undefined) return checked(store);
  const opened = await openDiskCache({ folder: `${cache}-${number}`, maxBytes: 64 * 1024 * 1024 });
  return checked(createTieredStore({ remote: store, cache: opened }).store);
}

if (import.meta.main) {
  const [described, number, writers] = process.argv.slice(2);
  const store = await openRaceStore(JSON.parse(described!) as RaceStore, Number(number));
  process.stdout.write('ready\n');
  for await (const line of createInterface(process.stdin)) {
    const [key, size] = line.split(' ');
    const won = await Promise.all(
      Array.from({ length: Number(writers) }, async (_, i) => {
        const writer = Number(number) * 100 + i;
        const isWinner = await store.put(key!, pattern(Number(size) + writer, writer), { ifAbsent: true });
        return isWinner ? writer : undefined;
      }),
    );
    process.stdout.write(`${JSON.stringify(won.filter((writer) => writer !== undefined))}\n`);
  }
  process.exit(0);
}
