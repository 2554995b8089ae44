import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ErrorKind, errorKinds, StoaError } from '../../src/errors.ts';
import { displayText, errorAnswer } from '../../src/protocol/failure.ts';

/** What the go command prints of a body: `formatErrorDetail` of cmd/go/internal/web/api.go. */
function shownByGo(body: string): string {
  if (/[^\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}\s\x85]/u.test(body) || !body.isWellFormed()) return '';
  let shown = '';
  for (const [i, line] of body.split('\n').entries()) {
    if (line.trim() === '') break;
    if (i > 0) shown += '\n\t';
    if (i >= 8) return `${shown}[Truncated: too many lines.]`;
    if (Buffer.byteLength(shown) + Buffer.byteLength(line) > 8 * 81) return `${shown}[Truncated: too long.]`;
    shown += line;
  }
  return shown;
}

function bodyOf(error: StoaError): string {
  return Buffer.from(errorAnswer(error).body as Uint8Array).toString();
}

describe('the answer to a failure', () => {
  it.each([
    ['notFound', 404, 'not found: m@v1.0.0: why\n'],
    ['malformed', 404, 'm@v1.0.0: why\n'],
    ['gone', 410, 'm@v1.0.0: why\n'],
    ['denied', 403, 'm@v1.0.0: why\n'],
    ['unauthenticated', 401, 'm@v1.0.0: why\n'],
    ['methodNotAllowed', 405, 'm@v1.0.0: why\n'],
    ['integrity', 502, 'm@v1.0.0: why\n'],
    ['upstream', 502, 'm@v1.0.0: why\n'],
    ['timeout', 504, 'm@v1.0.0: why\n'],
    ['overloaded', 503, 'm@v1.0.0: why\n'],
    ['draining', 503, 'm@v1.0.0: why\n'],
    ['storage', 503, 'm@v1.0.0: why\n'],
  ] satisfies [ErrorKind, number, string][])('of kind %s has status %i', (kind, status, body) => {
    const error = new StoaError(kind, 'm@v1.0.0: why');
    const answer = errorAnswer(error);
    expect(answer).toMatchObject({ status, contentType: 'text/plain; charset=utf-8', error });
    expect(bodyOf(error)).toBe(body);
  });

  it('is shown by the go command for every kind', () => {
    for (const kind of Object.keys(errorKinds) as ErrorKind[])
      expect(shownByGo(bodyOf(new StoaError(kind, 'example.com/m@v1.0.0: why')))).toContain('m@v1.0.0: why');
  });

  it('says when to come again, as the source did or else as the table says', () => {
    const retryAfter = (error: StoaError) => {
      const headers = errorAnswer(error).headers!;
      return headers[headers.indexOf('Retry-After') + 1];
    };
    expect(retryAfter(new StoaError('overloaded', 'busy'))).toBe('10');
    expect(retryAfter(new StoaError('overloaded', 'busy', { retryAfter: 0.2 }))).toBe('1');
    expect(retryAfter(new StoaError('upstream', 'busy', { retryAfter: 90 }))).toBe('90');
    expect(errorAnswer(new StoaError('upstream', 'busy')).headers).not.toContain('Retry-After');
  });

  it('names the methods where another one was used', () => {
    expect(errorAnswer(new StoaError('methodNotAllowed', 'no')).headers).toEqual(
      expect.arrayContaining(['Allow', 'GET, HEAD']),
    );
  });
});

describe('the text of a failure', () => {
  it.each([
    ['one line', 'why', 'why\n'],
    ['a blank line, at which go stops', 'a\n\n  \nb', 'a\nb\n'],
    ['line ends of other systems', 'a\r\nb\rc', 'a\nb\nc\n'],
    ['an escape sequence, for which go shows nothing', 'a\x1b[31mb', 'a?[31mb\n'],
    ['a line separator', 'a\u2028b\x85c', 'a\nb\nc\n'],
    ['a tab', 'a\tb', 'a b\n'],
    ['half a character', 'a\ud800b', 'a\ufffdb\n'],
    ['a private-use character', 'a\ue000b', 'a?b\n'],
    ['letters of any script', 'é 中 ж', 'é 中 ж\n'],
    ['more than eight lines', '1\n2\n3\n4\n5\n6\n7\n8\n9', '1\n2\n3\n4\n5\n6\n7\n8\n'],
  ])('has %s in the form that go shows', (_, message, text) => {
    expect(displayText(message)).toBe(text);
  });

  it('is cut to 600 bytes between characters', () => {
    const text = displayText('é'.repeat(1000));
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(600);
    expect(text).toMatch(/^é{297,298}…\n$/u);
  });

  it('is shown whole by the go command, whatever the message', () => {
    const messages = fc.oneof(fc.string({ unit: 'binary', maxLength: 900 }), fc.string({ maxLength: 900 }));
    fc.assert(
      fc.property(messages, (message) => {
        const text = displayText(`m: ${message}`);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(600);
        expect(shownByGo(text)).toBe(text.trimEnd().replaceAll('\n', '\n\t'));
      }),
    );
  });
});
