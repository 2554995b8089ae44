import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkLoop, formatVia } from '../../src/fetch/loop.ts';

describe('the chain of servers', () => {
  test('begins with this server where the asker is no server', () => {
    expect(formatVia('here', undefined)).toBe('here');
  });

  test('goes on behind the servers the request came through', () => {
    expect(formatVia('here', 'first, second')).toBe('first, second, here');
  });

  test.each([
    ['a line break would begin another header', 'first\r\nauthorization: x', 'here'],
    ['not an id', 'fir st, "second", third', 'third, here'],
    ['longer than any id', 'x'.repeat(65), 'here'],
    ['nothing', ' , ,', 'here'],
  ])('passes on nothing that is no id: %s', (_, via, expected) => {
    expect(formatVia('here', via)).toBe(expected);
  });

  test('is refused by a server that is in it', () => {
    expect(() => checkLoop('here', 'here')).toThrow(/^loop: an upstream of this server leads back/);
    expect(() => checkLoop('here,other', 'here')).toThrow(expect.objectContaining({ kind: 'config' }));
  });

  test('is refused when no sensible row of servers is so long', () => {
    const chain = (length: number): string => Array.from({ length }, (_, i) => `s${i}`).join(', ');
    expect(() => checkLoop(chain(16), 'here')).not.toThrow();
    expect(() => checkLoop(chain(17), 'here')).toThrow(
      /^loop: the request came through more than 16 servers$/,
    );
    expect(() => checkLoop(chain(10_000), 'here')).toThrow(/more than 16/);
  });

  test.each([
    ['no header', undefined],
    ['another server', 'other'],
    ['an id that only begins like ours', 'here2'],
    ['in another case, so another id', 'HERE'],
  ])('lets pass: %s', (_, via) => {
    expect(() => checkLoop(via, 'here')).not.toThrow();
  });

  test('of any row of servers ends at the first that meets its own id', () => {
    const id = fc.stringMatching(/^[0-9a-f]{1,12}$/);
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 1, maxLength: 12 }), (servers) => {
        let via: string | undefined;
        for (const server of servers) {
          checkLoop(via, server);
          via = formatVia(server, via);
        }
        for (const server of servers) expect(() => checkLoop(via, server)).toThrow(/^loop: /);
      }),
    );
  });
});
