import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNetrc } from '../../src/net/netrc.ts';

const entry = (machine: string, login: string, password: string) => ({ machine, login, password });

describe('a netrc file', () => {
  test.each([
    ['a line', 'machine a.example login gopher password hush', [entry('a.example', 'gopher', 'hush')]],
    ['several lines', 'machine a\n\tlogin b\r\n  password c\n', [entry('a', 'b', 'c')]],
    ['a token on the next line', 'machine\na\nlogin\nb\npassword\nc', [entry('a', 'b', 'c')]],
    [
      'two machines',
      'machine a login b password c\nmachine d login e password f',
      [entry('a', 'b', 'c'), entry('d', 'e', 'f')],
    ],
    ['the password first', 'machine a password c login b', [entry('a', 'b', 'c')]],
    ['a port and a path', 'machine a:8080/x login b password c', [entry('a:8080/x', 'b', 'c')]], // as the go command matches them
    ['only a login', 'machine github.com login token', [entry('github.com', 'token', '')]], // a token; git and curl send it so
    ['only a password', 'machine a password c', [entry('a', '', 'c')]],
    ['neither', 'machine a\nmachine b login c password d', [entry('b', 'c', 'd')]],
    ['an account', 'machine a login b account x password c', [entry('a', 'b', 'c')]],
    [
      'an account that looks like a keyword',
      'machine a account login login b password c',
      [entry('a', 'b', 'c')],
    ],
    ['a keyword nobody knows', 'machine a port login b password c', [entry('a', 'b', 'c')]],
    ['a second login', 'machine a login b password c login d password e', [entry('a', 'b', 'c')]], // the go command keeps the first pair
    ['two logins before the password', 'machine a login b login d password c', [entry('a', 'd', 'c')]],
    [
      'a login before any machine',
      'login x password y\nmachine a login b password c',
      [entry('a', 'b', 'c')],
    ],
    ['a default', 'machine a login b password c\ndefault login x password y', [entry('a', 'b', 'c')]], // it names no host
    [
      'a default in front',
      'default login x password y\nmachine a login b password c',
      [entry('a', 'b', 'c')],
    ],
    ['a default for a machine without login', 'machine a default login x password y', []], // not that machine's
    ['an end after a keyword', 'machine a login b password', [entry('a', 'b', '')]],
    ['nothing', '', []],
    ['a machine without a name', 'machine', []],
  ])('with %s is read', (_, text, entries) => {
    expect(parseNetrc(text)).toEqual(entries);
  });

  test.each([
    ['whole lines', '# machine x login y password z\nmachine a login b password c', [entry('a', 'b', 'c')]],
    ['the rest of a line', 'machine a # login x\nlogin b #x\npassword c', [entry('a', 'b', 'c')]],
    ['no value', 'machine a login b password #c', [entry('a', 'b', '#c')]], // a password may begin with it
    ['the end', 'machine a login b password c\n#', [entry('a', 'b', 'c')]],
  ])('has comments for %s', (_, text, entries) => {
    expect(parseNetrc(text)).toEqual(entries);
  });

  test.each([
    ['white space', 'machine a login b password "c d"', 'c d'],
    ['quotes', String.raw`machine a login b password "c\"d\\e"`, String.raw`c"d\e`],
    ['control characters', String.raw`machine a login b password "\n\r\t\x"`, '\n\r\tx'],
    ['nothing', 'machine a login b password ""', ''],
    ['no end', 'machine a login b password "c d\n', 'c d'], // the line ends it
    ['an end that is escaped', 'machine a login b password "c\\', 'c\\'],
    ['quotes inside a word', 'machine a login b password c"d"', 'c"d"'], // only the first character begins a quote
  ])('has tokens in quotes, with %s', (_, text, password) => {
    expect(parseNetrc(text)).toEqual([entry('a', 'b', password)]);
  });

  test.each([
    [
      'an empty line',
      'machine a login b password c\nmacdef init\nmachine x login y password z\n\nmachine d login e password f',
    ],
    [
      'a line of spaces',
      'machine a login b password c macdef init\nput x\n \t\r\nmachine d login e password f',
    ],
  ])('has macros that end with %s', (_, text) => {
    expect(parseNetrc(text)).toEqual([entry('a', 'b', 'c'), entry('d', 'e', 'f')]);
  });

  test('ends within a macro', () => {
    expect(parseNetrc('machine a login b password c\nmacdef init\nmachine x login y password z')).toEqual([
      entry('a', 'b', 'c'),
    ]);
  });

  test('that was written from entries gives them again', () => {
    const word = fc.stringMatching(/^[\x21-\x7e]+$/).filter((text) => !text.startsWith('"'));
    const quoted = fc.string({ unit: 'grapheme' }).map((value) => ({
      value,
      text: `"${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`,
    }));
    const token = fc.oneof(
      word.map((value) => ({ value, text: value })),
      quoted,
    );
    const space = fc.stringMatching(/^[ \t\r\n]+$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(token, token, token)), space, (machines, gap) => {
        const text = machines.map(([machine, login, password]) =>
          ['machine', machine.text, 'login', login.text, 'password', password.text].join(gap),
        );
        expect(parseNetrc(text.join(gap))).toEqual(
          machines.map(([machine, login, password]) => entry(machine.value, login.value, password.value)),
        );
      }),
    );
  });

  test('never throws, and never has an entry that names no machine', () => {
    const words = fc.constantFrom(
      'machine',
      'default',
      'login',
      'password',
      'account',
      'macdef',
      '#',
      '"',
      '\\',
      '\n',
      '\n\n',
      ' ',
      'x',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((list) => list.join(' ')),
        ),
        (text) => {
          for (const { machine, login, password } of parseNetrc(text)) {
            expect([typeof machine, typeof login, typeof password]).toEqual(['string', 'string', 'string']);
          }
        },
      ),
    );
  });
});
