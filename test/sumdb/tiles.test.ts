import { expect, test } from 'vitest';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { Remote } from '../../src/sumdb/remote.ts';
import { parseTilePath, tileData } from '../../src/sumdb/tile.ts';
import { createTiles } from '../../src/sumdb/tiles.ts';
import { recordHash, storedHashIndex } from '../../src/sumdb/tlog.ts';
import { calm } from './bed.ts';
import { numberedLog, recordText } from './log.ts';

const log = numberedLog(2000);
const remote: Remote = { read: async ({ target }) => log.read(tileData(parseTilePath(target))) };

test('memory holds what was used last, within its bound', async () => {
  const options = { name: 'sum.example.com', remote, store: createMemoryStore(), deadlineMs: 1000 };
  // Room for the two tiles at the edge of this log, and three full ones.
  const tiles = createTiles({ ...options, memoryBytes: (7 + 208 + 3 * 256) * 32 });
  const read = async (record: number) => {
    const { hashes, keep } = await tiles.readHashes(log.tree(), [storedHashIndex(0, record)], calm());
    expect(hashes).toEqual([recordHash(recordText(record))]);
    await keep();
  };
  for (const record of [0, 256, 512, 0, 768]) await read(record);
  const held = ['000', '001', '002', '003'].map((n) => tiles.peek(parseTilePath(`tile/8/0/${n}`))?.length);
  expect(held).toEqual([8192, undefined, 8192, 8192]);
  expect(tiles.peek(parseTilePath('tile/8/1/000.p/7'))).toHaveLength(7 * 32);
});

test('what is not kept leaves nothing behind', async () => {
  const store = createMemoryStore();
  const tiles = createTiles({
    name: 'sum.example.com',
    remote,
    store,
    deadlineMs: 1000,
    memoryBytes: 2 ** 20,
  });
  await tiles.readHashes(log.tree(), [0], calm());
  expect(await tiles.find(parseTilePath('tile/8/0/000'), calm())).toBeUndefined();
});
