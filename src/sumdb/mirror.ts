import { StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import { latestAnswer, lookupAnswer, type SumdbAnswer, supportedAnswer, tileAnswer } from './answer.ts';
import type { SumdbClient } from './client.ts';
import type { Databases } from './databases.ts';
import { parseSumdbTarget, type SumdbTarget } from './target.ts';
import { dataLevel, formatTilePath, type Tile } from './tile.ts';
import { tileHeight } from './tiles.ts';

/** What is asked of a database below `/sumdb/`. */
type MirrorTarget = SumdbTarget & { readonly database: SumdbClient };

/**
 * The databases of the settings as a module proxy passes them on: from what was proved and kept, else asked for, proved and
 * kept. What the settings tell to no database, or to another one, is `denied` here, and nothing of it leaves.
 */
export interface Mirror {
  /**
   * The target of a URL path behind `/sumdb/`, percent-decoded, still `!`-escaped. Throws `notFound` for a database that
   * the settings do not name, which sends the go command on to where it is, and `malformed` for what no database has.
   */
  parse(path: string): MirrorTarget;
  answer(target: MirrorTarget, signal: AbortSignal, via?: string): Promise<SumdbAnswer>;
  /** The answer where it is in memory, at once. */
  quick(target: MirrorTarget): SumdbAnswer | undefined;
}

export function createMirror(databases: Databases): Mirror {
  // A name may be the beginning of another.
  const names = databases.names.toSorted((a, b) => b.length - a.length);

  function parse(path: string): MirrorTarget {
    const name = names.find((known) => path.startsWith(`${known}/`));
    const database = name === undefined ? undefined : databases.named(name);
    if (name === undefined || database === undefined)
      throw new StoaError(
        'notFound',
        `no checksum database ${quote(path.split('/', 1)[0]!)} is passed on here`,
      );
    const target = parseSumdbTarget(path.slice(name.length + 1));
    if (target.kind === 'lookup') checkAllowed(database, target.version);
    if (target.kind === 'tile') checkPassedOn(target.tile);
    return { ...target, database };
  }

  function checkAllowed({ name }: SumdbClient, version: ModuleVersion): void {
    if (databases.choose(version.path)?.name === name) return;
    throw new StoaError(
      'denied',
      `${formatModuleVersion(version)}: not looked up in ${name}, which must not hear of it; set GONOSUMDB to a pattern of its path`,
    );
  }

  return {
    parse,
    async answer(target, signal, via) {
      const { database } = target;
      switch (target.kind) {
        case 'supported':
          // Said by the proxy itself: the database has no such thing.
          return supportedAnswer;
        case 'latest':
          return latestAnswer(await database.latest(signal, via));
        case 'lookup':
          return lookupAnswer(await database.record(target.version, signal, via));
        case 'tile':
          return tileAnswer(target.tile, await database.tile(target.tile, signal, via));
      }
    },
    quick(target) {
      if (target.kind === 'lookup') {
        const body = target.database.peekRecord(target.version);
        return body && lookupAnswer(body);
      }
      if (target.kind !== 'tile') return undefined;
      const body = target.database.peekTile(target.tile);
      return body && tileAnswer(target.tile, body);
    },
  };
}

function checkPassedOn(tile: Tile): void {
  if (tile.height === tileHeight && tile.level !== dataLevel) return;
  throw new StoaError(
    'notFound',
    `${formatTilePath(tile)}: only tiles of hashes, of height ${tileHeight}, are passed on here`,
  );
}
