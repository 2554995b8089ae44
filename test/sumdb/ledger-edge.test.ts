import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edgeTile, edgeTree, emptyEdge, growEdge, type TileBytes } from '../../src/sumdb/ledger-edge.ts';
import { splitRecords } from '../../src/sumdb/record.ts';
import { dataLevel, formatTilePath, newTiles, tileData, tileInTree } from '../../src/sumdb/tile.ts';
import { numberedLog, recordText } from './log.ts';

const largest = 66_000;
const whole = numberedLog(largest);

describe('the edge of a log', () => {
  test('has the tree and the tiles of the log, however it was grown', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2_000 })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(sizes, (batches) => {
        let edge = emptyEdge;
        const full: TileBytes[] = [];
        for (const count of batches) {
          if (edge.size + count > largest) break;
          const texts = Array.from({ length: count }, (_, i) => recordText(edge.size + i));
          const grown = growEdge(edge, texts);
          edge = grown.edge;
          full.push(...grown.full);
        }
        expect(edgeTree(edge)).toEqual(whole.tree(edge.size));
        const hashes = full.filter(({ tile }) => tile.level !== dataLevel);
        const wanted = newTiles(8, 0, edge.size).filter(({ width }) => width === 256);
        expect(hashes.map(({ tile }) => formatTilePath(tile)).sort()).toEqual(
          wanted.map(formatTilePath).sort(),
        );
        for (const { tile, data } of hashes) expect(data.equals(whole.read(tileData(tile)))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test.each([1, 255, 256, 257, 65_535, 65_536])(
    'of %i records has the beginnings of the last tiles',
    (size) => {
      const { edge, full } = growEdge(
        emptyEdge,
        Array.from({ length: size }, (_, n) => recordText(n)),
      );
      for (const [level, hashes] of edge.levels.entries()) {
        const number = Math.floor(Math.floor(size / 256 ** level) / 256);
        const tile = tileInTree({ height: 8, level, number, width: 1 }, size);
        expect(hashes.length).toBe((tile?.width ?? 0) * 32);
        if (tile === undefined) continue;
        const half = { ...tile, width: Math.ceil(tile.width / 2) };
        for (const part of [tile, half])
          expect(edgeTile(edge, part).equals(whole.read(tileData(part)))).toBe(true);
      }
      const records = full
        .filter(({ tile }) => tile.level === dataLevel)
        .flatMap(({ data }) => splitRecords(data));
      expect([...records, ...edge.records].map(String)).toEqual(
        Array.from({ length: size }, (_, n) => String(recordText(n))),
      );
    },
  );
});
