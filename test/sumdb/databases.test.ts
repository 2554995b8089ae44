import { describe, expect, test } from 'vitest';
import type { SumdbClient } from '../../src/sumdb/client.ts';
import { formatDatabaseList, parseDatabaseList } from '../../src/sumdb/database-list.ts';
import { createDatabases } from '../../src/sumdb/databases.ts';
import { generateKey } from '../../src/sumdb/note.ts';

const golang = {
  name: 'sum.golang.org',
  verifierKey: 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8',
};
const keyOf = (name: string, seed = 1) => generateKey(name, Buffer.alloc(32, seed)).verifierKey;
const own = keyOf('sum.example.com/db');

describe('a list of databases', () => {
  test.each([
    ['sum.golang.org', { rules: [], fallback: golang }],
    [golang.verifierKey, { rules: [], fallback: golang }],
    ['sum.golang.google.cn', { rules: [], fallback: { ...golang, url: 'https://sum.golang.google.cn' } }],
    [
      'sum.golang.org https://mirror.example.com/sum/',
      { rules: [], fallback: { ...golang, url: 'https://mirror.example.com/sum' } },
    ],
    ['off', { rules: [] }],
    [
      `${own}  http://127.0.0.1:8080`,
      { rules: [], fallback: { name: 'sum.example.com/db', verifierKey: own, url: 'http://127.0.0.1:8080' } },
    ],
    [
      `git.example.com/*,*.corp=${own}; sum.golang.org;`,
      {
        rules: [
          {
            patterns: 'git.example.com/*,*.corp',
            database: { name: 'sum.example.com/db', verifierKey: own },
          },
        ],
        fallback: golang,
      },
    ],
    [
      `a.example.com=${own};b.example.com=${own};off`,
      {
        rules: [
          { patterns: 'a.example.com', database: { name: 'sum.example.com/db', verifierKey: own } },
          { patterns: 'b.example.com', database: { name: 'sum.example.com/db', verifierKey: own } },
        ],
      },
    ],
  ])('%s', (text, list) => {
    expect(parseDatabaseList(text)).toEqual(list);
    expect(parseDatabaseList(formatDatabaseList(parseDatabaseList(text)))).toEqual(list);
  });

  test('is written with the names that are known', () => {
    expect(formatDatabaseList(parseDatabaseList(golang.verifierKey))).toBe('sum.golang.org');
  });

  test.each([
    ['', 'here 0 have none'],
    ['sum.golang.org;off', 'here 2 have none'],
    [`git.example.com=${own}`, 'here 0 have none'],
    ['git.example.com=off;sum.golang.org', 'cannot be off; no_sumdb takes such patterns'],
    ['sum.example.com', '"sum.example.com" is neither a key nor a name that is known'],
    ['Off', 'is neither a key'],
    ['off https://sum.example.com', 'is neither a key'],
    ['sum.golang.org https://a.example.com x', 'a key and a URL are all'],
    [own.replace('sum', 'sun'), 'malformed verifier key: the hash in it is not its own'],
    ['sum.golang.org sum.example.com', 'a URL begins with https://'],
    ['sum.golang.org ftp://sum.example.com', 'a URL begins with https://'],
    ['sum.golang.org https://user@sum.example.com', 'no user'],
    ['sum.golang.org https://sum.example.com?x', 'no user, query'],
    [keyOf('sum.example.com/'), 'must be a host or host/path'],
    [keyOf('sum.example.com?x'), 'must be a host or host/path'],
    [keyOf('user@sum.example.com'), 'must be a host or host/path'],
    [keyOf('sum.example.com/../x'), 'must be a host or host/path'],
    [keyOf('sum.example.com/.hidden'), 'must be a host or host/path'],
    [keyOf('/x'), 'must be a host or host/path'],
    [
      `a.example.com=${keyOf('sum.example.com', 2)};${keyOf('sum.example.com')}`,
      'sum.example.com has two keys',
    ],
    ['a.example.com=sum.golang.org;sum.golang.google.cn', 'sum.golang.org has two keys or URLs'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => parseDatabaseList(text)).toThrow(why);
  });
});

describe('the database of a module', () => {
  const list = parseDatabaseList(`git.example.com/*,golang.org/x/*=${own};sum.golang.org`);
  const options = { noSumdb: 'git.example.com/none', private: 'git.example.com,corp.example.com' };
  const open = ({ name }: { name: string }) => ({ name }) as SumdbClient;
  const databases = createDatabases({ list, ...options, open });

  test.each<[path: string, name: string | undefined, why: string]>([
    ['github.com/a/b', 'sum.golang.org', 'the one for all others'],
    ['golang.org/x/mod', 'sum.example.com/db', 'that of a rule'],
    ['git.example.com/a/b', 'sum.example.com/db', 'that of a rule, though the module is private'],
    ['git.example.com/none/a', undefined, 'none, though there is a rule for it'],
    ['corp.example.com/a', undefined, 'none for a private one without a rule'],
    ['golang.org/toolchain', 'sum.golang.org', 'the one for all others'],
  ])('%s: %s, %s', (path, name) => {
    expect(databases.choose(path)?.name).toBe(name);
  });

  test('a toolchain is verified whatever the patterns say', () => {
    const all = { noSumdb: '*', private: '*' };
    expect(createDatabases({ list, ...all, open }).choose('golang.org/toolchain')?.name).toBe(
      'sum.golang.org',
    );
    expect(createDatabases({ list, ...all, open }).choose('golang.org/x/mod')).toBeUndefined();
    const off = createDatabases({ list: parseDatabaseList('off'), ...all, open });
    expect(off.choose('golang.org/toolchain')).toBeUndefined();
  });

  test('is opened once, and found by its name', () => {
    const opened: string[] = [];
    const two = parseDatabaseList(`a.example.com=${own};b.example.com=${own};sum.golang.org`);
    const { names, named } = createDatabases({
      list: two,
      ...options,
      open: (database) => {
        opened.push(database.name);
        return open(database);
      },
    });
    expect(opened).toEqual(['sum.example.com/db', 'sum.golang.org']);
    expect(names).toEqual(opened);
    expect(named('sum.golang.org')?.name).toBe('sum.golang.org');
    expect(named('sum.example.com')).toBeUndefined();
  });
});
