/** What a checksum database is asked for, below its own URL or below `/sumdb/<name>/` of a module proxy. */
import { StoaError } from '../errors.ts';
import { unescapePath } from '../module/path.ts';
import { quote } from '../module/quote.ts';
import { checkModuleVersion, type ModuleVersion, unescapeVersion } from '../module/version.ts';
import { parseTilePath, type Tile } from './tile.ts';

export type SumdbTarget =
  | { readonly kind: 'supported' | 'latest' }
  | { readonly kind: 'lookup'; readonly version: ModuleVersion }
  | { readonly kind: 'tile'; readonly tile: Tile };

/** The target of a path such as `lookup/example.com/m@v1.0.0`, percent-decoded, still `!`-escaped. Throws `malformed` for any other text. */
export function parseSumdbTarget(path: string): SumdbTarget {
  if (path === 'supported' || path === 'latest') return { kind: path };
  if (path.startsWith('tile/')) return { kind: 'tile', tile: parseTilePath(path) };
  const [, escapedPath, escapedVersion] = /^lookup\/([^@]+)@(.+)$/s.exec(path) ?? [];
  if (escapedPath === undefined || escapedVersion === undefined)
    throw new StoaError('malformed', `a checksum database has no ${quote(path)}`);
  const version = { path: unescapePath(escapedPath), version: unescapeVersion(escapedVersion) };
  checkModuleVersion(version.path, version.version);
  return { kind: 'lookup', version };
}
