/**
 * The syntax of go.mod files, below the meaning of any directive: tokens, lines, blocks and the comments that belong
 * to them (golang.org/x/mod/modfile, read.go).
 */
import { StoaError } from '../errors.ts';

/** One directive: a line of its own, or a line of a block, whose verb it then has. */
export interface Directive {
  readonly verb: string;
  /** The tokens after the verb as they are written, quoted strings with their quotes. */
  readonly args: readonly string[];
  /** The number of its line in the file, from 1. */
  readonly line: number;
  readonly comments: Comments;
  /** The comments before the block it is in; absent for a line of its own. */
  readonly block?: readonly string[];
}

/** Comments with their slashes; an empty one before a line of a block stands for a blank line. */
export interface Comments {
  readonly before: readonly string[];
  /** The comment at the end of the line. */
  readonly suffix?: string;
}

/**
 * The directives of a go.mod file in their order, known ones or not; blocks with more than one word before the
 * parenthesis are left out. Throws `integrity`, naming the line, where the text breaks the syntax.
 */
export function parseDirectives(text: string): Directive[] {
  const lexer = createLexer(text);
  const directives: Directive[] = [];
  let before: string[] = [];
  while (lexer.peek().kind !== 'end') {
    const { kind } = lexer.peek();
    if (kind === 'comment') {
      before.push(lexer.next().text);
      continue;
    }
    if (kind === 'newline') lexer.next();
    else for (const directive of parseStatement(lexer, before)) directives.push(directive);
    before = [];
  }
  return directives;
}

/** An error about a line of a go.mod file. */
export function modFileError(line: number, problem: string): StoaError {
  return new StoaError('integrity', `malformed go.mod: line ${line}: ${problem}`);
}

interface Token {
  /** `comment` has its line for itself, `suffix` ends the line of other tokens; both include the newline. */
  readonly kind: 'end' | 'newline' | 'comment' | 'suffix' | 'word' | 'punctuation';
  readonly text: string;
  readonly line: number;
}

interface Lexer {
  peek(): Token;
  next(): Token;
}

function parseStatement(lexer: Lexer, before: readonly string[]): Directive[] {
  const first = lexer.next();
  const args: string[] = [];
  while (true) {
    const token = lexer.next();
    if (endsLine(token))
      return [{ verb: first.text, args, line: first.line, comments: { before, ...suffixOf(token) } }];
    if (isMark(token, '(') && endsLine(lexer.peek())) {
      const lines = parseBlock(lexer, first, before);
      return args.length === 0 ? lines : [];
    }
    args.push(token.text);
    if (isMark(token, '(') && isMark(lexer.peek(), ')')) {
      args.push(lexer.next().text);
      if (!endsLine(lexer.peek())) continue;
      lexer.next();
      return [];
    }
  }
}

function parseBlock(lexer: Lexer, first: Token, block: readonly string[]): Directive[] {
  const lines: Directive[] = [];
  let before: string[] = [];
  while (!isMark(lexer.peek(), ')')) {
    const token = lexer.next();
    if (token.kind === 'end') throw modFileError(first.line, 'the block has no closing parenthesis');
    if (token.kind === 'comment') before.push(token.text);
    else if (token.kind === 'newline') {
      if (before.length === 0 ? lines.length > 0 : before.at(-1) !== '') before.push('');
    } else if (token.kind !== 'suffix') {
      const args = [token.text];
      let next = lexer.next();
      for (; !endsLine(next); next = lexer.next()) args.push(next.text);
      const comments = { before, ...suffixOf(next) };
      lines.push({ verb: first.text, args, line: token.line, comments, block });
      before = [];
    }
  }
  const close = lexer.next();
  if (!endsLine(lexer.next())) throw modFileError(close.line, 'text after the closing parenthesis');
  return lines;
}

function suffixOf(token: Token): { suffix?: string } {
  return token.kind === 'suffix' ? { suffix: token.text } : {};
}

function endsLine({ kind }: Token): boolean {
  return kind === 'end' || kind === 'newline' || kind === 'suffix';
}

function isMark({ kind, text }: Token, mark: string): boolean {
  return kind === 'punctuation' && text === mark;
}

function createLexer(source: string): Lexer {
  const text = source.toWellFormed();
  let at = 0;
  let line = 1;
  let atLineStart = true;
  let peeked = read();

  function read(): Token {
    while (text[at] === ' ' || text[at] === '\t' || text[at] === '\r') at++;
    const start = at;
    const startLine = line;
    const kind = advance();
    atLineStart = kind === 'newline' || kind === 'comment' || kind === 'suffix';
    if (atLineStart) line++;
    const token = text.slice(start, at);
    return { kind, text: atLineStart ? token.replace(/\r?\n$/, '') : token, line: startLine };
  }

  /** Moves behind the next token. */
  function advance(): Token['kind'] {
    const character = text[at];
    if (character === undefined) return 'end';
    if (text.startsWith('//', at)) {
      const newline = text.indexOf('\n', at);
      at = newline < 0 ? text.length : newline + 1;
      return atLineStart ? 'comment' : 'suffix';
    }
    if (character === '\n' || punctuation.includes(character)) {
      at++;
      return character === '\n' ? 'newline' : 'punctuation';
    }
    if (character === '"' || character === '`') advanceString(character);
    else advanceWord();
    return 'word';
  }

  function advanceString(quote: string): void {
    for (at++; text[at] !== quote; at++) {
      if (text[at] === undefined || text[at] === '\n')
        throw modFileError(line, 'a string without its closing quote');
      // What follows a backslash belongs to the string, a newline too.
      if (text[at] === '\\' && quote === '"' && text[++at] === '\n') line++;
    }
    at++;
  }

  function advanceWord(): void {
    const start = at;
    while (!text.startsWith('//', at)) {
      if (text.startsWith('/*', at)) throw modFileError(line, 'comments are written with //, not /* */');
      const length = wordCharacterLength(text, at);
      if (length === 0) break;
      at += length;
    }
    if (at === start) throw modFileError(line, 'a character that no word can have');
  }

  return {
    peek: () => peeked,
    next() {
      const token = peeked;
      peeked = read();
      return token;
    },
  };
}

const punctuation = '()[]{},';
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u;

/** The length of the character at this place where a word can have it, else 0. */
function wordCharacterLength(text: string, at: number): number {
  const point = text.codePointAt(at);
  if (point === undefined || point <= 0x20) return 0;
  if (point < 0x7f) return punctuation.includes(text[at]!) ? 0 : 1;
  const character = String.fromCodePoint(point);
  return printable.test(character) ? character.length : 0;
}
