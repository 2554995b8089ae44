import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatUpstreams, parseUpstreams, withoutUserinfo } from '../../src/config/upstream.ts';
import { isStoaError } from '../../src/errors.ts';

describe('a list of upstreams', () => {
  test.each([
    ['https://goproxy.io,direct', 'https://goproxy.io,direct'],
    [' https://a.example.com | https://b.example.com/go/ ', 'https://a.example.com|https://b.example.com/go'],
    ['goproxy.io', 'https://goproxy.io'], // as the go command completes it
    ['off', 'off'],
  ])('%j is shown as %s', (text, expected) => {
    expect(formatUpstreams(parseUpstreams(text))).toBe(expected);
  });

  test('is shown without the user and the password in it', () => {
    const entries = parseUpstreams('https://ci:s3cret@a.example.com/go|direct');
    expect(formatUpstreams(entries)).toBe('https://***@a.example.com/go|direct');
  });

  test('may hold nothing behind direct or off, which would never be asked', () => {
    expect(() => parseUpstreams('direct,https://goproxy.io')).toThrow(
      'nothing behind direct or off is ever asked: "https://goproxy.io"',
    );
  });

  test('is read back as it was shown', () => {
    const url = fc.webUrl({ validSchemes: ['http', 'https'] }).filter((text) => !/[,|@]/.test(text));
    const list = fc.array(fc.tuple(url, fc.constantFrom(',', '|')), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(list, fc.constantFrom('direct', 'off'), (entries, end) => {
        const parsed = parseUpstreams([...entries.flat(), end].join(''));
        expect(parseUpstreams(formatUpstreams(parsed))).toEqual(parsed);
      }),
    );
  });

  test('throws nothing but a settings error, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseUpstreams(text);
        } catch (error) {
          expect(isStoaError(error, 'config')).toBe(true);
        }
      }),
    );
  });
});

describe('what may be user and password', () => {
  test.each([
    ['https://ci:s3cret@example.com/go', 'https://***@example.com/go'],
    ['https://a.example.com,ci:s3cret@b.example.com', 'https://***@b.example.com'], // rather too much than too little
    ['https://ci:s3,cr et@example.com', 'https://***@example.com'],
    ['ci:s3//cret@example.com', '***@example.com'],
    ['https://ci:s3/cret@example.com', 'https://***@example.com'], // a slash that should have been escaped
    ['https://ci:s3@cret@example.com', 'https://***@example.com'],
    ['https://example.com/go', 'https://example.com/go'],
  ])('is hidden in %s', (text, expected) => {
    expect(withoutUserinfo(text)).toBe(expected);
  });
});
