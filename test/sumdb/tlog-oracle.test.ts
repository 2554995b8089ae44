import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import {
  formatTilePath,
  newTiles,
  parseTilePath,
  type Tile,
  tileData,
  tileForIndex,
} from '../../src/sumdb/tile.ts';
import { tileHashes } from '../../src/sumdb/tile-hashes.ts';
import {
  checkRecordProof,
  checkTreeProof,
  formatTree,
  type Hash,
  maxTreeSize,
  parseTree,
  proveRecord,
  proveTree,
  recordHash,
  splitStoredHashIndex,
  storedHashes,
  storedHashIndex,
  treeHash,
} from '../../src/sumdb/tlog.ts';
import { expectAgreement, judge } from '../oracle/agree.ts';
import { mostly, mutated, oneOf } from '../oracle/cases.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { requireTool } from '../setup/require.ts';
import { numberedLog, readDreamt, recordText } from './log.ts';

describe.skipIf(requireTool('go') === undefined)('x/mod agrees about logs', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  const log = numberedLog(1000);
  const base64 = (hashes: readonly Hash[]) => hashes.map((hash) => hash.toString('base64'));

  test('where hashes are stored', async () => {
    await expectAgreement(oracle, 2000, {
      cases: fc.tuple(fc.nat({ max: 30 }), sizes(maxTreeSize / 2 ** 31)),
      question: ([level, n]) => ['storedHashIndex', level, n],
      ours: ([level, n]) => storedHashIndex(level, n),
    });
    await expectAgreement(oracle, 2000, {
      cases: sizes(Number.MAX_SAFE_INTEGER),
      question: (index) => ['splitStoredHashIndex', index],
      ours: (index) => {
        const { level, n } = splitStoredHashIndex(index);
        return [level, n];
      },
    });
  });

  test('the hashes that a record adds', async () => {
    await expectAgreement(oracle, 1000, {
      cases: sizes(maxTreeSize - 1),
      question: (n) => ['storedHashes', n],
      ours: (n) => base64(readDreamt(storedHashes(n, recordHash(recordText(n))))),
    });
  });

  test('the hash of a tree', async () => {
    await expectAgreement(oracle, 1000, {
      cases: sizes(maxTreeSize),
      question: (size) => ['treeHash', size],
      ours: (size) => readDreamt(treeHash(size)).toString('base64'),
    });
  });

  test('proofs', async () => {
    await expectAgreement(oracle, 1000, {
      cases: pairs(maxTreeSize, 0),
      question: ([n, size]) => ['proveRecord', size + 1, n],
      ours: ([n, size]) => base64(readDreamt(proveRecord(size + 1, n))),
    });
    await expectAgreement(oracle, 1000, {
      cases: pairs(maxTreeSize, 1),
      question: ([older, size]) => ['proveTree', size, older],
      ours: ([older, size]) => base64(readDreamt(proveTree(size, older))),
    });
  });

  /** A proof that holds, or one to which something was done. */
  const proofs = fc.tuple(
    pairs(999, 1),
    fc.constantFrom('', '', 'drop', 'add', 'swap', 'other', 'size', 'hash', 'root'),
    fc.nat(),
  );
  function tampered(proof: readonly Hash[], how: string, where: number): Hash[] {
    const at = proof.length === 0 ? 0 : where % proof.length;
    const other = log.read(treeHash(3));
    if (how === 'drop') return proof.toSpliced(at, 1);
    if (how === 'add') return proof.toSpliced(at, 0, other);
    if (how === 'other') return proof.length === 0 ? [other] : proof.with(at, other);
    return how === 'swap' ? proof.toReversed() : [...proof];
  }

  test('the proof of a record', async () => {
    const claim = ([[low, high], how, where]: [[number, number], string, number]) => ({
      proof: tampered(log.read(proveRecord(high, low - 1)), how, where),
      tree: { ...log.tree(how === 'root' ? high + 1 : high), size: how === 'size' ? high + 1 : high },
      n: low - 1,
      record: recordHash(recordText(how === 'hash' ? low : low - 1)),
    });
    await expectAgreement(oracle, 2000, {
      cases: proofs.map(claim),
      question: ({ proof, tree, n, record }) => [
        'checkRecord',
        base64(proof),
        tree.size,
        tree.hash.toString('base64'),
        n,
        record.toString('base64'),
      ],
      ours: ({ proof, tree, n, record }) => {
        checkRecordProof(proof, tree, n, record);
        return true;
      },
    });
  });

  test('the proof of an older tree', async () => {
    const claim = ([[low, high], how, where]: [[number, number], string, number]) => ({
      proof: tampered(log.read(proveTree(high, low)), how, where),
      tree: { ...log.tree(how === 'root' ? high + 1 : high), size: how === 'size' ? high + 1 : high },
      older: { ...log.tree(how === 'hash' ? low + 1 : low), size: low },
    });
    await expectAgreement(oracle, 2000, {
      cases: proofs.map(claim),
      question: ({ proof, tree, older }) => [
        'checkTree',
        base64(proof),
        tree.size,
        tree.hash.toString('base64'),
        older.size,
        older.hash.toString('base64'),
      ],
      ours: ({ proof, tree, older }) => {
        checkTreeProof(proof, tree, older);
        return true;
      },
    });
  });

  test('the text of a tree head', async () => {
    const hash = log.tree().hash.toString('base64');
    const heads = fc
      .tuple(
        fc.oneof(sizes(maxTreeSize).map(String), fc.constantFrom('007', '-1', '+5', '', '1e3', ' 5', '5 ')),
        fc.constantFrom(hash, hash, hash, hash.slice(4), `${hash}AA==`, hash.replace('=', '')),
        fc.constantFrom('', '', 'more\n', 'more', '\n', '\n\n— x'),
      )
      .map(([size, text, more]) => `go.sum database tree\n${size}\n${text}\n${more}`);
    // Go's can be larger than what we compute with.
    const cases = mutated(heads).filter((text) => !/^.*\n\d{16,}\n/.test(text) && text.isWellFormed());
    await expectAgreement(oracle, 2000, {
      cases,
      question: (text) => ['parseTree', text],
      ours: (text) => {
        const tree = parseTree(text);
        return [tree.size, tree.hash.toString('base64'), formatTree(tree)];
      },
    });
  });

  const fields = (tile: Tile) => [tile.height, tile.level, tile.number, tile.width];
  const tiles = fc
    .tuple(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: -1, max: 63 }),
      sizes(Number.MAX_SAFE_INTEGER),
      fc.nat(),
    )
    .map(([height, level, number, width]) => ({ height, level, number, width: 1 + (width % 2 ** height) }));

  const odd = oneOf('.p/0 .p/00 .p/1 .p/256 .p/255 .p /000 /x001 x000/ ');
  const tilePaths = fc
    .tuple(tiles.map(formatTilePath), mostly(fc.constant(''), odd))
    .map(([path, end]) => path + end);

  test('the paths of tiles', async () => {
    await expectAgreement(oracle, 2000, {
      cases: tiles,
      question: (tile) => ['formatTilePath', fields(tile)],
      ours: formatTilePath,
    });
    await judge(
      oracle,
      4000,
      { cases: mutated(tilePaths), question: (path) => ['parseTilePath', path] },
      (path, answer) => {
        const theirs = 'ok' in answer ? (answer.ok as number[]) : undefined;
        const ours = attempt(() => fields(parseTilePath(path)));
        // Ours know no numbers that are not exact.
        if (ours === undefined && theirs?.some((n) => !Number.isSafeInteger(n))) return undefined;
        return String(ours) === String(theirs) ? undefined : `ours says ${ours}`;
      },
    );
  });

  test('the tile of a hash', async () => {
    await expectAgreement(oracle, 2000, {
      cases: fc.tuple(fc.integer({ min: 1, max: 30 }), sizes(Number.MAX_SAFE_INTEGER)),
      question: ([height, index]) => ['tileForIndex', height, index],
      ours: ([height, index]) => fields(tileForIndex(height, index)),
    });
  });

  test('the tiles of a log that grows', async () => {
    await expectAgreement(oracle, 1000, {
      cases: fc
        .tuple(fc.integer({ min: 4, max: 10 }), sizes(maxTreeSize - 10_000), fc.nat({ max: 10_000 }))
        .map(([height, from, more]) => [height, from, from + more] as const),
      question: ([height, from, to]) => ['newTiles', height, from, to],
      ours: ([height, from, to]) => newTiles(height, from, to).map(formatTilePath),
    });
  });

  test('the tiles that are read for hashes', async () => {
    const questions = sizes(maxTreeSize)
      .filter((size) => size > 0)
      .chain((size) =>
        fc.record({
          height: fc.integer({ min: 1, max: 10 }),
          size: fc.constant(size),
          indexes: fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 4 }),
        }),
      )
      .map(({ height, size, indexes }) => ({
        height,
        size,
        indexes: indexes.map((n) => n % (storedHashIndex(0, size - 1) + 2)),
      }));
    await expectAgreement(oracle, 2000, {
      cases: questions,
      question: ({ height, size, indexes }) => ['tilePlan', height, size, indexes],
      ours: ({ height, size, indexes }) =>
        tileHashes({ size, hash: Buffer.alloc(32) }, height, indexes).tiles.map(formatTilePath),
    });
  });

  test('hashes out of tiles, forged ones among them', async () => {
    const place = fc.tuple(fc.nat(), fc.nat());
    const questions = fc
      .record({
        height: fc.integer({ min: 1, max: 9 }),
        size: fc.integer({ min: 1, max: 1000 }),
        wanted: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
        forged: fc.oneof(fc.constant([]), fc.array(place, { minLength: 1, maxLength: 2 })),
      })
      .map(({ height, size, wanted, forged }) => {
        const indexes = wanted.map((n) => n % storedHashIndex(0, size));
        return { height, size, indexes, forged };
      });
    await expectAgreement(oracle, 4000, {
      cases: questions,
      question: ({ height, size, indexes, forged }) => ['readTileHashes', height, size, indexes, forged],
      ours: ({ height, size, indexes, forged }) => {
        const plan = tileHashes(log.tree(size), height, indexes);
        const data = plan.tiles.map((tile) => log.read(tileData(tile)));
        for (const [tile, byte] of forged) {
          const bytes = data[tile % data.length]!;
          bytes[byte % bytes.length]! ^= 1;
        }
        return base64(plan.authenticate(data));
      },
    });
  });
});

/** Numbers up to `max`, many of them small or beside a power of two. */
function sizes(max: number): fc.Arbitrary<number> {
  const edges = fc
    .tuple(fc.nat({ max: 53 }), fc.integer({ min: -2, max: 2 }))
    .map(([power, more]) => 2 ** power + more);
  return fc
    .oneof(fc.nat({ max: 1200 }), edges, fc.maxSafeNat())
    .map((n) => Math.min(Math.max(n, 0), Number.MAX_SAFE_INTEGER) % (max + 1));
}

/** Two numbers from `min` to `max`, the smaller first. */
function pairs(max: number, min: number): fc.Arbitrary<[number, number]> {
  const low = sizes(max - min).map((n) => n + min);
  return fc.tuple(low, low).map(([a, b]) => (a < b ? [a, b] : [b, a]));
}

function attempt<T>(ours: () => T): T | undefined {
  try {
    return ours();
  } catch (error) {
    if (error instanceof StoaError) return undefined;
    throw error;
  }
}
