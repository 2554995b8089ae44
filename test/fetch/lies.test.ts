import { describe, expect, test } from 'vitest';
import type { ModuleFile } from '../../src/fetch/fetcher.ts';
import { buildModuleZip } from '../fakes/module-zip.ts';
import { type Fault, readModuleTexts } from '../fakes/upstream.ts';
import { calm, createMemorySpool, startBed } from './setup.ts';

const texts = await readModuleTexts();
const hello = { path: 'example.com/hello', version: 'v1.0.0' };
const evil = await buildModuleZip({ path: 'example.com/evil', version: 'v1.0.0' }, { 'a.go': 'package a' });
const empty = await buildModuleZip(hello, {});
const page: Fault = {
  do: 'answer',
  body: '<!DOCTYPE html>\n<title>Please log in</title>',
  type: 'text/html',
};
const json = (body: string): Fault => ({ do: 'answer', body, type: 'application/json' });
const text = (body: string | Uint8Array): Fault => ({ do: 'answer', body });

describe('a lying upstream is caught before a byte is spooled', () => {
  test.each<[file: ModuleFile, what: string, fault: Fault, told: string]>([
    [
      'info',
      'a page',
      page,
      'sent an info that is not JSON; it begins with "<!DOCTYPE html> <title>Please log in</ti…"',
    ],
    [
      'info',
      'another version',
      json('{"Version":"v1.1.0"}'),
      'sent the info of version v1.1.0 instead of v1.0.0',
    ],
    ['info', 'no version', json('{"Time":"2024-01-02T03:04:05Z"}'), 'sent an info without a version'],
    ['info', 'too much', { do: 'endless' }, 'the answer has more than the 1048576 bytes allowed'],
    [
      'info',
      'a declared flood',
      { do: 'endless', declare: 2 ** 40 },
      'the answer has 1099511627776 bytes, more than the 1048576 allowed',
    ],
    [
      'mod',
      'a page',
      page,
      'sent a go.mod without a module line; it begins with "<!DOCTYPE html> <title>Please log in</ti…"',
    ],
    ['mod', 'nothing', text(''), 'sent a go.mod without a module line; it begins with ""'],
    [
      'mod',
      'binary data',
      text(Buffer.from('module example.com/hello\n\0')),
      'sent a go.mod with a NUL byte in it',
    ],
    ['mod', 'no text', text(Buffer.from([0xff, 0xfe, 0x6d])), 'sent a go.mod that is not UTF-8 text'],
    ['mod', 'more than 16 MiB', { do: 'endless' }, 'the answer has more than the 16777216 bytes allowed'],
    ['zip', 'a page', page, 'sent no zip; it begins with "<!DO"'],
    [
      'zip',
      'an archive of another kind',
      text(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0])),
      'sent no zip; it begins with ',
    ],
    ['zip', 'nothing', text(''), 'sent a zip of 0 bytes'],
    ['zip', 'hardly anything', text('PK'), 'sent a zip of 2 bytes'],
    [
      'zip',
      'a declared flood',
      { do: 'endless', declare: 524_288_001, body: 'PK\x03\x04' },
      'the answer has 524288001 bytes, more than the 524288000 allowed',
    ],
  ])('%s: %s', async (file, _, fault, told) => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: file }, fault);
    const spool = createMemorySpool();
    const error = await bed.source.fetch(hello, file, {}, spool, calm()).catch((e: Error) => e);
    expect(error).toMatchObject({ kind: 'integrity', message: expect.stringContaining(told) });
    expect((error as Error).message).toMatch(
      /^example\.com\/hello@v1\.0\.0: (http:\/\/)?127\.0\.0\.1:\d+:? /,
    );
    expect(spool.begun).toEqual([]);
    expect(bed.events).toEqual(['lying_upstream']);
    expect(bed.warnings).toEqual([
      {
        message: 'an upstream sent what cannot be true',
        fields: {
          source: bed.fake.url,
          target: `example.com/hello/@v/v1.0.0.${file}`,
          error: (error as Error).message,
        },
      },
    ]);
    expect(bed.reported).toEqual([expect.stringMatching(/^true failed \d+$/)]);
  });

  test('list: a page', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'list' }, page);
    await expect(bed.source.list('example.com/hello', calm())).rejects.toMatchObject({
      kind: 'integrity',
      message: `example.com/hello: ${bed.fake.url} sent a list without any version; it begins with "<!DOCTYPE html> <title>Please log in</ti…"`,
    });
    expect(bed.events).toEqual(['lying_upstream']);
  });

  test('list: endless', async () => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'list' }, { do: 'endless', body: 'v1.0.0\n' });
    await expect(bed.source.list('example.com/hello', calm())).rejects.toMatchObject({ kind: 'integrity' });
    expect(await bed.fake.requests[0]!.over).toBe('cut');
  });

  test.each([
    [
      'a version of another major',
      '{"Version":"v2.0.0"}',
      'sent an info for "v2.0.0", which cannot be a version of this module',
    ],
    [
      'a version that is not canonical',
      '{"Version":"v1.0"}',
      'sent an info for "v1.0", which cannot be a version of this module',
    ],
    [
      'the branch itself',
      '{"Version":"main"}',
      'sent an info for "main", which cannot be a version of this module',
    ],
  ])('a query is answered with %s', async (_, body, told) => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'query' }, json(body));
    await expect(bed.source.query('example.com/hello', 'main', calm())).rejects.toMatchObject({
      kind: 'integrity',
      message: `example.com/hello@main: ${bed.fake.url} ${told}`,
    });
  });
});

describe('what only the whole zip can show is left to who verifies it', () => {
  test.each<[string, Fault]>([
    ['the zip of another module', text(evil)],
    ['an empty zip', text(empty)],
    ['a zip that ends early as declared', { do: 'truncate', bytes: 60, declare: 'sent' }],
    ['a zip that ends early without a length', { do: 'truncate', bytes: 60, declare: 'chunked' }],
  ])('%s', async (_, fault) => {
    await using bed = await startBed({ modules: texts });
    bed.fake.fault({ kind: 'zip' }, fault);
    const spool = createMemorySpool();
    await bed.source.fetch(hello, 'zip', {}, spool, calm());
    expect(spool.bytes().length).toBeGreaterThan(0);
    expect(bed.events).toEqual([]);
  });
});
