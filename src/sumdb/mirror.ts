import { StoaError } from '../errors.ts';
import { unescapePath } from '../module/path.ts';
import { quote } from '../module/quote.ts';
import {
  checkModuleVersion,
  formatModuleVersion,
  type ModuleVersion,
  unescapeVersion,
} from '../module/version.ts';
import type { SumdbClient } from './client.ts';
import type { Databases } from './databases.ts';
import { dataLevel, parseTilePath, type Tile } from './tile.ts';
import { tileHeight } from './tiles.ts';

/** What is asked of a database below `/sumdb/`. */
type MirrorTarget =
  | { readonly kind: 'supported' | 'latest'; readonly database: SumdbClient }
  | { readonly kind: 'lookup'; readonly database: SumdbClient; readonly version: ModuleVersion }
  | { readonly kind: 'tile'; readonly database: SumdbClient; readonly tile: Tile };

/** What is answered. */
export interface MirrorAnswer {
  readonly body: Buffer;
  readonly type: 'text/plain; charset=UTF-8' | 'application/octet-stream';
  /** Seconds for which others may keep it. */
  readonly maxAge: number;
}

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
  answer(target: MirrorTarget, signal: AbortSignal, via?: string): Promise<MirrorAnswer>;
  /** The answer where it is in memory, at once. */
  quick(target: MirrorTarget): MirrorAnswer | undefined;
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
    const target = path.slice(name.length + 1);
    if (target === 'supported' || target === 'latest') return { kind: target, database };
    if (target.startsWith(lookupMark)) {
      const version = parseVersion(target.slice(lookupMark.length));
      checkAllowed(database, version);
      return { kind: 'lookup', database, version };
    }
    if (target.startsWith('tile/')) return { kind: 'tile', database, tile: parseTile(target) };
    throw new StoaError('malformed', `checksum database ${name}: no database has a ${quote(target)}`);
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
          return text(Buffer.alloc(0), hour);
        case 'latest':
          return text(await database.latest(signal, via), 0);
        case 'lookup':
          return text(await database.record(target.version, signal, via), day);
        case 'tile':
          return tileAnswer(target.tile, await database.tile(target.tile, signal, via));
      }
    },
    quick(target) {
      if (target.kind === 'lookup') {
        const body = target.database.peekRecord(target.version);
        return body && text(body, day);
      }
      if (target.kind !== 'tile') return undefined;
      const body = target.database.peekTile(target.tile);
      return body && tileAnswer(target.tile, body);
    },
  };
}

const lookupMark = 'lookup/';
const hour = 3600;
const day = 24 * hour;
const year = 365 * day;

function parseVersion(text: string): ModuleVersion {
  const at = text.indexOf('@');
  if (at < 0) throw new StoaError('malformed', `malformed look-up ${quote(text)}: it has no version`);
  const version = { path: unescapePath(text.slice(0, at)), version: unescapeVersion(text.slice(at + 1)) };
  checkModuleVersion(version.path, version.version);
  return version;
}

function parseTile(path: string): Tile {
  const tile = parseTilePath(path);
  if (tile.height === tileHeight && tile.level !== dataLevel) return tile;
  throw new StoaError(
    'notFound',
    `${path}: only tiles of hashes, of height ${tileHeight}, are passed on here`,
  );
}

function text(body: Buffer, maxAge: number): MirrorAnswer {
  return { body, type: 'text/plain; charset=UTF-8', maxAge };
}

/** A tile never changes, but its parts may not be there for ever. */
function tileAnswer(tile: Tile, body: Buffer): MirrorAnswer {
  const maxAge = tile.width === 2 ** tile.height ? year : day;
  return { body, type: 'application/octet-stream', maxAge };
}
