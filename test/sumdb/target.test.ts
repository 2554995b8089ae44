import { expect, test } from 'vitest';
import { parseSumdbTarget } from '../../src/sumdb/target.ts';

test.each([
  ['supported', { kind: 'supported' }],
  ['latest', { kind: 'latest' }],
  ['lookup/example.com/m@v1.0.0', { kind: 'lookup', version: { path: 'example.com/m', version: 'v1.0.0' } }],
  [
    'lookup/example.com/!m/v2@v2.0.0-!r!c.1',
    { kind: 'lookup', version: { path: 'example.com/M/v2', version: 'v2.0.0-RC.1' } },
  ],
  ['tile/8/0/x001/067', { kind: 'tile', tile: { height: 8, level: 0, number: 1067, width: 256 } }],
  ['tile/8/data/000.p/9', { kind: 'tile', tile: { height: 8, level: -1, number: 0, width: 9 } }],
])('a checksum database is asked for %s', (path, target) => {
  expect(parseSumdbTarget(path)).toEqual(target);
});

test.each([
  '',
  'supported/',
  'Latest',
  'lookup/',
  'lookup/example.com/m',
  'lookup/@v1.0.0',
  'lookup/example.com/m@',
  'lookup/example.com/M@v1.0.0',
  'lookup/example.com/m@v1.0.0/go.mod',
  'lookup/example.com/m@v1',
  'lookup/example.com/m@v2.0.0',
  'lookup/example.com/../m@v1.0.0',
  'lookup/example.com/m@v1.0.0\n',
  'lookup/example.com/m@v1.0.0@v1.0.0',
  'tile/8/0/1',
  'tile/8/0/000.p/256',
  'head/0000000000000001',
  'commit/0000000000000/000',
])('%j is malformed', (path) => {
  expect(() => parseSumdbTarget(path)).toThrow(expect.objectContaining({ kind: 'malformed' }));
});
