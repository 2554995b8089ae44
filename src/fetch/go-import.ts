import { quote } from '../module/quote.ts';
import { readTags } from './loose-xml.ts';
import { hasPathPrefix } from './repo-root.ts';

/** What a `go-import` meta tag says. */
export interface GoImport {
  readonly prefix: string;
  readonly vcs: string;
  readonly url: string;
  /** Empty where the tag names none. */
  readonly subdir: string;
}

/** The meta tags of a page's head, and how the head ended. */
export interface GoImports {
  readonly imports: readonly GoImport[];
  /** `head`: as it should; `page`: the page ended before; or what could not be read in it. */
  readonly end: 'head' | 'page' | { readonly problem: string };
}

/**
 * The `go-import` tags of a page, up to the end of its head, the beginning of its body, or what is no XML
 * (parseMetaGoImports of cmd/go/internal/vcs). Those of a module proxy (`mod`) come first, and where there is one the
 * others of its prefix do not count. Never throws.
 */
export function parseGoImports(page: Uint8Array): GoImports {
  const found: GoImport[] = [];
  const end = collect(page, found);
  const proxies = found.filter(({ vcs }) => vcs === 'mod');
  const shadowed = new Set(proxies.map(({ prefix }) => prefix));
  const others = found.filter(({ vcs, prefix }) => vcs !== 'mod' && !shadowed.has(prefix));
  return { imports: [...proxies, ...others], end };
}

/** The one tag that is for this path, or why there is none (matchGoImport of cmd/go/internal/vcs). */
export function matchGoImport(
  imports: readonly GoImport[],
  path: string,
): GoImport | { readonly problem: string } {
  const [match, second] = imports.filter(({ prefix }) => hasPathPrefix(path, prefix));
  if (match === undefined) {
    const prefixes = imports.slice(0, 3).map(({ prefix }) => quote(prefix));
    const more = imports.length > prefixes.length ? ' and others' : '';
    return {
      problem:
        prefixes.length === 0
          ? 'no go-import meta tag'
          : `go-import meta tags for ${prefixes.join(', ')}${more} alone`,
    };
  }
  // The tags of proxies stand first, and win over all others.
  if (second !== undefined && (match.vcs !== 'mod' || second.vcs === 'mod')) {
    return { problem: 'several go-import meta tags for this path' };
  }
  return match;
}

/** True for two tags that say the same. */
export function isSameImport(a: GoImport, b: GoImport): boolean {
  return a.prefix === b.prefix && a.vcs === b.vcs && a.url === b.url && a.subdir === b.subdir;
}

function collect(page: Uint8Array, into: GoImport[]): GoImports['end'] {
  const tags = readTags(page, ['name', 'content']);
  for (;;) {
    const step = tags.next();
    if (step.done) return step.value === 'end' ? 'page' : step.value;
    const { kind, attributes } = step.value;
    const name = step.value.name.toLowerCase();
    if (name === (kind === 'start' ? 'body' : 'head')) return 'head';
    if (kind === 'end' || name !== 'meta' || attributes.get('name') !== 'go-import') continue;
    const [prefix, vcs, url, subdir = '', ...more] = fields(attributes.get('content') ?? '');
    if (prefix !== undefined && vcs !== undefined && url !== undefined && more.length === 0) {
      into.push({ prefix, vcs, url, subdir });
    }
  }
}

/** As strings.Fields of Go: what white space it is follows unicode.IsSpace. */
function fields(text: string): string[] {
  const white = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
  return text.split(white).filter((field) => field !== '');
}
