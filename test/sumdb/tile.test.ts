import { expect, test } from 'vitest';
import {
  dataLevel,
  formatTilePath,
  hashFromTile,
  newTiles,
  parseTilePath,
  tileData,
  tileForIndex,
  tileInTree,
} from '../../src/sumdb/tile.ts';
import { tileHashes } from '../../src/sumdb/tile-hashes.ts';
import { type Hash, hashSize, nodeHash, recordHash, storedHashIndex } from '../../src/sumdb/tlog.ts';
import { numberedLog, recordText } from './log.ts';

test('paths of tiles', () => {
  const tile = { height: 3, level: 4, number: 1_234_067, width: 1 };
  expect(formatTilePath(tile)).toBe('tile/3/4/x001/x234/067.p/1');
  expect(formatTilePath({ ...tile, width: 8 })).toBe('tile/3/4/x001/x234/067');
  expect(parseTilePath('tile/8/data/x123/456')).toEqual({
    height: 8,
    level: dataLevel,
    number: 123_456,
    width: 256,
  });
});

test.each([
  ['tile/0/0/000', 'no height'],
  ['tile/31/0/000', 'too high'],
  ['tile/08/0/000', 'a number with a zero before it'],
  ['tile/8/-1/000', 'the records have a name'],
  ['tile/8/0/00', 'three digits'],
  ['tile/8/0/x000/001', 'an empty folder before the number'],
  ['tile/8/0/000/001', 'a folder without its x'],
  ['tile/8/0/000.p/0', 'an empty part'],
  ['tile/8/0/000.p/256', 'a full tile written as a part'],
  ['tile/8/0/000.p/01', 'a width with a zero before it'],
  ['tile/8/0/x900/x719/x925/x474/x099/x200/000', 'a number that is not exact'],
  ['/tile/8/0/000', 'a slash'],
  ['tile/8/0/000\n', 'a newline'],
])('%j is no tile: %s', (path) => {
  expect(() => parseTilePath(path)).toThrow('malformed tile path');
});

test('tiles of a log with more than 2^32 records', () => {
  const size = 2 ** 33 + 5;
  expect(formatTilePath(tileForIndex(8, storedHashIndex(0, size - 1)))).toBe('tile/8/0/x033/x554/432.p/5');
  expect(newTiles(8, size - 1, size).map(formatTilePath)).toEqual(['tile/8/0/x033/x554/432.p/5']);
  expect(tileInTree({ height: 8, level: 4, number: 0, width: 256 }, size)).toMatchObject({ width: 2 });
  expect(tileInTree({ height: 8, level: 4, number: 1, width: 256 }, size)).toBeUndefined();
});

const log = numberedLog(300);

/** What leads to the hash of a record in the tree of that size, and the true bytes of its tiles. */
function reading(size: number, record: number) {
  const plan = tileHashes(log.tree(size), 8, [storedHashIndex(0, record)]);
  const data = new Map(plan.tiles.map((tile) => [formatTilePath(tile), log.read(tileData(tile))]));
  return { plan, data };
}

test('the hash of every record is read out of tiles', () => {
  for (let record = 0; record < 300; record++) {
    const { plan, data } = reading(300, record);
    expect(plan.authenticate([...data.values()])).toEqual([recordHash(recordText(record))]);
  }
});

test('a tree with nothing in it needs no tiles', () => {
  expect(tileHashes(log.tree(0), 8, []).tiles).toEqual([]);
  expect(tileHashes(log.tree(0), 8, []).authenticate([])).toEqual([]);
  expect(() => tileHashes(log.tree(0), 8, [0])).toThrow('no hash 0 in a tree of 0');
});

/*
 * CVE-2026-56865: two of the hashes at the right edge of this tree are in one tile. Who skips as many tiles as there are
 * hashes skips the one that holds the record.
 */
test('a forged record beside two hashes of one tile is refused', () => {
  const { plan, data } = reading(268, 250);
  expect([...data.keys()]).toEqual(['tile/8/1/000.p/1', 'tile/8/0/001.p/12', 'tile/8/0/000']);
  recordHash(Buffer.from('forged\n')).copy(data.get('tile/8/0/000')!, 250 * hashSize);
  expect(() => plan.authenticate([...data.values()])).toThrow(
    'tiles that do not lead to the hash of the tree: tile/8/0/000',
  );
});

test('one changed byte in any tile is refused, wherever it is', () => {
  const { plan, data } = reading(268, 250);
  for (const [path, bytes] of data) {
    for (let at = 0; at < bytes.length; at += 31) {
      bytes[at]! ^= 1;
      expect(() => plan.authenticate([...data.values()]), `${path}, byte ${at}`).toThrow('do not lead');
      bytes[at]! ^= 1;
    }
  }
  expect(plan.authenticate([...data.values()])).toHaveLength(1);
});

test('a truncated tile is refused, and a longer one', () => {
  const { plan, data } = reading(268, 250);
  const [first, second, third] = [...data.values()] as [Hash, Hash, Hash];
  expect(() => plan.authenticate([first, second, third.subarray(0, -32)])).toThrow('has not the length');
  expect(() => plan.authenticate([first, Buffer.concat([second, second]), third])).toThrow(
    'has not the length',
  );
  expect(() => plan.authenticate([first, second])).toThrow('has not the length');
});

test('tiles of another tree are refused', () => {
  const { plan } = reading(268, 250);
  const other = numberedLog(10);
  for (let n = 10; n < 268; n++) other.append(Buffer.from(`other ${n}\n`));
  expect(() => plan.authenticate(plan.tiles.map((tile) => other.read(tileData(tile))))).toThrow(
    'do not lead',
  );
});

test('a hash is taken only out of the tile that has it', () => {
  const tile = { height: 2, level: 0, number: 0, width: 4 };
  const data = log.read(tileData(tile));
  const [a, b] = [0, 1].map((n) => recordHash(recordText(n)));
  expect(hashFromTile(tile, data, storedHashIndex(1, 0))).toEqual(nodeHash(a!, b!));
  expect(() => hashFromTile(tile, data, storedHashIndex(0, 4))).toThrow('is not in tile/2/0/000');
  expect(() => hashFromTile({ ...tile, width: 2 }, data, storedHashIndex(0, 2))).toThrow('is not in');
  expect(() => hashFromTile(tile, data.subarray(1), storedHashIndex(0, 0))).toThrow('is not in');
});
