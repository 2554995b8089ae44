import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { hash1, hashGoMod } from '../../src/module/dirhash.ts';

const file = (name: string, content = '') => ({
  name,
  sha256: createHash('sha256').update(content).digest(),
});

test('no files have the hash of nothing', () => {
  expect(hash1([])).toBe('h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
});

test('a go.mod has the hash that go.sum has', () => {
  // golang.org/x/text v0.3.0 in the checksum database, whose go.mod is this line.
  expect(hashGoMod(Buffer.from('module golang.org/x/text\n'))).toBe(
    'h1:NqM8EUOU14njkJ3fqMW+pc6Ldnwhi/IjpwHt7yyuwOQ=',
  );
});

test('the order of the files does not count, their names and contents do', () => {
  const files = [file('m@v1.0.0/a.go', 'package a'), file('m@v1.0.0/\uffff'), file('m@v1.0.0/\u{10000}')];
  expect(hash1(files.toReversed())).toBe(hash1(files));
  expect(hash1([...files, file('m@v1.0.0/')])).not.toBe(hash1(files));
  expect(hash1(files.map(({ name }) => file(name)))).not.toBe(hash1(files));
});

test('a name with a newline could stand for two files and has no hash', () => {
  expect(() => hash1([file('a\nb')])).toThrow('file name "a\\u{a}b" has a newline');
});
