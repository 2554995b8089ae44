/** One `machine` of a netrc file. */
export interface NetrcEntry {
  /** As written: a host, for the go command also `host:port` or with a path after it. */
  readonly machine: string;
  /** Empty when the file gives only a password. */
  readonly login: string;
  /** Empty when the file gives only a login. */
  readonly password: string;
}

/**
 * The machines of a netrc file that have a login or a password, in their order; of two for one machine the
 * first is meant (cmd/go/internal/auth). Tokens are separated by white space and may go over lines; one that
 * begins with `"` is quoted as curl has it (`\"`, `\\`, `\n`, `\r`, `\t`); `#` begins a comment where a
 * keyword is expected; unknown keywords are passed over. `default` names no host, and no credential goes to a
 * host that was not named: it is read and left out. Never throws.
 */
export function parseNetrc(text: string): NetrcEntry[] {
  const entries: NetrcEntry[] = [];
  let machine: string | undefined;
  let login: string | undefined;
  let password: string | undefined;

  function finish(next?: string): void {
    if (machine !== undefined && (login !== undefined || password !== undefined)) {
      entries.push({ machine, login: login ?? '', password: password ?? '' });
    }
    machine = next;
    login = password = undefined;
  }

  const source = { text, at: 0 };
  for (let word = keyword(source); word !== undefined; word = keyword(source)) {
    if (word === 'machine') finish(token(source));
    else if (word === 'default') finish();
    else if (word === 'macdef') skipMacro(source);
    else if (word === 'account') token(source);
    else if (word === 'login' || word === 'password') {
      const value = token(source);
      const isComplete = login !== undefined && password !== undefined;
      if (!isComplete && word === 'login') login = value;
      if (!isComplete && word === 'password') password = value;
    }
  }
  finish();
  return entries;
}

/** The text, and how far it was read. */
interface Source {
  readonly text: string;
  at: number;
}

/** The next token that is no comment; undefined at the end. */
function keyword(source: Source): string | undefined {
  for (;;) {
    const word = token(source, '#');
    if (word !== '#') return word;
    skipLine(source);
  }
}

/** The next token; undefined at the end. Where it begins with `stop`, that character alone is answered. */
function token(source: Source, stop?: string): string | undefined {
  const { text } = source;
  while (source.at < text.length && isSpace(text[source.at]!)) source.at++;
  if (source.at >= text.length) return undefined;
  if (text[source.at] === stop) return text[source.at++];
  if (text[source.at] === '"') return quoted(source);
  const start = source.at;
  while (source.at < text.length && !isSpace(text[source.at]!)) source.at++;
  return text.slice(start, source.at);
}

/** The content of a quoted token; an unclosed one ends with its line. */
function quoted(source: Source): string {
  const { text } = source;
  let value = '';
  for (source.at++; source.at < text.length; source.at++) {
    const char = text[source.at]!;
    if (char === '\n') return value;
    if (char === '"') {
      source.at++;
      return value;
    }
    const next = text[source.at + 1];
    if (char === '\\' && next !== undefined && next !== '\n') {
      value += escapes[next] ?? next;
      source.at++;
    } else value += char;
  }
  return value;
}

const escapes: Readonly<Record<string, string>> = { __proto__: null as never, n: '\n', r: '\r', t: '\t' };

/** A macro goes from the line after its name to an empty line. */
function skipMacro(source: Source): void {
  skipLine(source);
  while (source.at < source.text.length) {
    const start = source.at;
    skipLine(source);
    if (source.text.slice(start, source.at).trim() === '') return;
  }
}

function skipLine(source: Source): void {
  const end = source.text.indexOf('\n', source.at);
  source.at = end === -1 ? source.text.length : end + 1;
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r' || char === '\v' || char === '\f';
}
