/**
 * Patterns as GOPRIVATE, GONOSUMDB and their like have them: the rules of module.MatchPrefixPatterns and path.Match.
 */

/**
 * True when a leading part of the module path matches one of the comma-separated patterns. A pattern with n slashes
 * is matched against the first n + 1 elements; `*` and `?` match no slash; `[a-z]`, `[^a-z]` and `\` work as in
 * path.Match. Empty and malformed patterns match nothing.
 */
export function matchesPatterns(patterns: string, path: string): boolean {
  for (const item of patterns.split(',')) {
    const pattern = item.endsWith('/') ? item.slice(0, -1) : item;
    if (pattern === '') continue;
    const prefix = leadingElements(path, countSlashes(pattern));
    if (prefix !== undefined && matches(pattern, prefix)) return true;
  }
  return false;
}

/** Matches one character: itself, any but a slash (`any`), or one of a class. */
type Term = string | typeof any | CharacterClass;

const any = Symbol('?');

interface CharacterClass {
  readonly negated: boolean;
  readonly ranges: readonly (readonly [low: number, high: number])[];
}

/** What stands between two stars, and whether a star is before it. */
interface Chunk {
  readonly star: boolean;
  readonly terms: readonly Term[];
}

function countSlashes(text: string): number {
  let count = 0;
  for (let i = text.indexOf('/'); i >= 0; i = text.indexOf('/', i + 1)) count++;
  return count;
}

/** The path up to its slash number `slashes` + 1; undefined when it has fewer than `slashes`. */
function leadingElements(path: string, slashes: number): string | undefined {
  let end = -1;
  for (let left = slashes; left >= 0; left--) {
    end = path.indexOf('/', end + 1);
    if (end < 0) return left > 0 ? undefined : path;
  }
  return path.slice(0, end);
}

function matches(pattern: string, name: string): boolean {
  if (!/[*?[\\]/.test(pattern)) return pattern === name;
  const chunks = parsePattern(pattern);
  if (chunks === undefined) return false;
  let position = 0;
  for (const [i, chunk] of chunks.entries()) {
    const end = findChunk(chunk, name, position, i === chunks.length - 1);
    if (end === undefined) return false;
    position = end;
  }
  return true;
}

/**
 * Where the first match of the chunk ends, at `start` or, after a star, anywhere behind it before the next slash. The
 * last chunk must match up to the end of the name.
 */
function findChunk(chunk: Chunk, name: string, start: number, isLast: boolean): number | undefined {
  for (let at = start; at <= name.length; at++) {
    const end = matchTerms(chunk.terms, name, at);
    if (end !== undefined && (!isLast || end === name.length)) return end;
    if (!chunk.star || name[at] === '/') return undefined;
  }
  return undefined;
}

function matchTerms(terms: readonly Term[], name: string, start: number): number | undefined {
  let position = start;
  for (const term of terms) {
    const point = name.codePointAt(position);
    if (point === undefined) return undefined;
    if (typeof term === 'string') {
      if (name[position] !== term) return undefined;
      position++;
    } else {
      if (term === any ? point === 0x2f : !isInClass(term, point)) return undefined;
      position += point > 0xffff ? 2 : 1;
    }
  }
  return position;
}

function isInClass({ negated, ranges }: CharacterClass, point: number): boolean {
  return ranges.some(([low, high]) => low <= point && point <= high) !== negated;
}

/** The chunks of a pattern; undefined for a malformed one. */
function parsePattern(pattern: string): Chunk[] | undefined {
  const chunks: Chunk[] = [];
  let at = 0;
  while (at < pattern.length) {
    const star = pattern[at] === '*';
    while (pattern[at] === '*') at++;
    const terms: Term[] = [];
    while (at < pattern.length && pattern[at] !== '*') {
      if (pattern[at] === '[') {
        const parsed = parseClass(pattern, at + 1);
        if (parsed === undefined) return undefined;
        terms.push(parsed.class);
        at = parsed.end;
      } else if (pattern[at] === '?') {
        terms.push(any);
        at++;
      } else {
        if (pattern[at] === '\\') at++;
        const literal = pattern[at++];
        if (literal === undefined) return undefined;
        terms.push(literal);
      }
    }
    chunks.push({ star, terms });
  }
  return chunks;
}

function parseClass(pattern: string, start: number): { class: CharacterClass; end: number } | undefined {
  const negated = pattern[start] === '^';
  const ranges: [number, number][] = [];
  let at = negated ? start + 1 : start;
  while (pattern[at] !== ']' || ranges.length === 0) {
    const low = parseClassCharacter(pattern, at);
    if (low === undefined) return undefined;
    at = low.end;
    const high = pattern[at] === '-' ? parseClassCharacter(pattern, at + 1) : low;
    if (high === undefined) return undefined;
    at = high.end;
    ranges.push([low.point, high.point]);
  }
  return { class: { negated, ranges }, end: at + 1 };
}

function parseClassCharacter(pattern: string, start: number): { point: number; end: number } | undefined {
  if (pattern[start] === '-' || pattern[start] === ']') return undefined;
  const at = pattern[start] === '\\' ? start + 1 : start;
  const point = pattern.codePointAt(at);
  return point === undefined ? undefined : { point, end: at + (point > 0xffff ? 2 : 1) };
}
