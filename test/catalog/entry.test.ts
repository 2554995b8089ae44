import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bounds, type Entry, formatEntry, parseEntry } from '../../src/catalog/entry.ts';
import { event, job, start, stored } from '../conformance/catalog-kit.ts';

const text = (max: number) =>
  fc.string({ maxLength: max, unit: 'grapheme' }).filter((each) => each.length <= max);
const optional = <T extends string>(name: T, max: number) =>
  fc.option(text(max), { nil: undefined }).map((value) => (value === undefined ? {} : { [name]: value }));
const at = fc.integer({ min: 0, max: 2 ** 45 });
const module = fc.record({ path: text(40), version: text(20) });

const entries: fc.Arbitrary<Entry> = fc.oneof(
  fc
    .tuple(module, at, text(60), optional('modH1', 60), optional('source', 60), optional('verified', 60))
    .map(
      ([named, at, h1, ...more]): Entry =>
        Object.assign({ type: 'version', at, h1, ...named } as const, ...more),
    ),
  fc.record({ type: fc.constant('gone' as const), at, path: text(40), version: text(20), except: text(60) }),
  fc.record({
    type: fc.constant('verified' as const),
    at,
    path: text(40),
    version: text(20),
    h1: text(60),
    by: text(60),
  }),
  fc.record({
    type: fc.constant('job' as const),
    at,
    kind: text(60),
    key: text(60),
    payload: fc.jsonValue(),
    notBefore: at,
  }),
  fc.record({
    type: fc.constant('event' as const),
    at,
    id: text(60),
    kind: text(60),
    module,
    text: text(100).map((value) => value.replace(/\s+/g, ' ')),
    detail: fc.dictionary(text(10), text(10)),
  }),
);

describe('an entry', () => {
  test('is one line, and comes back as it was', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const line = formatEntry(entry);
        expect(line).not.toMatch(/[\r\n]/);
        expect(parseEntry(line)).toEqual(JSON.parse(JSON.stringify(entry)));
      }),
    );
  });

  test('is in no other text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.jsonValue().map((value) => JSON.stringify(value)),
        ),
        (line) => {
          expect(parseEntry(line)).toBeUndefined();
        },
      ),
    );
  });

  test.each<[why: string, entry: Entry]>([
    ['a path that no module has', stored({ path: 'p'.repeat(bounds.path + 1) })],
    ['a size that is none', stored({ size: 1.5 })],
    ['a hash that is none', stored({ h1: 7 as unknown as string })],
    ['a module without a version', event('one', { module: { path: 'example.com/m' } as never })],
    ['a module that is none', event('one', { module: null as never })],
    ['a time that is none', { ...event('one'), at: Number.NaN }],
    ['a job with too long a key', job('k'.repeat(bounds.key + 1))],
    ['a job with more than it may carry', job('a', { payload: 'x'.repeat(bounds.json) })],
    ['a type of a newer version', Object.assign(event('one'), { type: 'token' as 'event' }) as Entry],
  ])('is not read with %s', (_, entry) => {
    expect(parseEntry(JSON.stringify(entry))).toBeUndefined();
  });

  test('is cut where a source says too much', () => {
    const long = event('one', {
      text: `begins\r\n\t${'x'.repeat(10_000)}`,
      detail: { all: 'x'.repeat(bounds.json) },
    });
    const read = parseEntry(formatEntry(long)) as Extract<Entry, { type: 'event' }>;
    expect(read).toEqual({
      ...event('one'),
      at: start,
      text: `begins ${'x'.repeat(bounds.text - 7)}`,
    });
    const version = stored({ source: 's'.repeat(10_000) });
    expect(parseEntry(formatEntry(version))).toEqual({ ...version, source: 's'.repeat(bounds.name) });
  });
});
