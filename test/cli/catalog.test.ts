import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqlite } from '../../src/catalog/sqlite.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite-catalog.ts';
import { showEvents, showJobs } from '../../src/cli/catalog.ts';
import { machineOf } from '../config/machine.ts';
import { event, job, start } from '../conformance/catalog-kit.ts';
import { openFolder } from '../conformance/store-kit.ts';

let folder: Awaited<ReturnType<typeof openFolder>>;
beforeEach(async () => {
  folder = await openFolder();
  const { catalog, close } = await openSqliteCatalog(join(folder.path, 'catalog.db'), () => undefined);
  await catalog.apply([
    event('one', { module: { path: 'example.com/a', version: 'v1.0.0' }, detail: { source: 'direct' } }),
    event('two', { at: start + 1000, kind: 'moved_tag', text: 'ends\x1b[2J with a trick' }),
    event('new', { at: Date.now(), module: { path: 'example.com/b', version: 'v1.0.0' } }),
    job('waits', { notBefore: start + 5000 }),
    job('fails', { kind: 'sweep', payload: { all: true } }),
    job('runs', { kind: 'fetch' }),
  ]);
  await catalog.jobs.claim({ kinds: ['sweep'], owner: 'me', leaseMs: 1000, limit: 1 });
  await catalog.jobs.settle('me', { kind: 'sweep', key: 'fails' }, { state: 'failed', error: 'no\nway' });
  await catalog.jobs.claim({ kinds: ['fetch'], owner: 'me', leaseMs: 1000, limit: 1 });
  await close();
});
afterEach(() => folder[Symbol.asyncDispose]());

async function run(command: typeof showEvents, args: readonly string[], data = folder.path) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await command(
    { args, out: (line) => void out.push(line), err: (line) => void err.push(line) },
    machineOf({ env: { STOA_DATA: data } }),
  );
  return { code, out, err };
}

describe('stoa events', () => {
  test('shows the newest first, without what a terminal would obey', async () => {
    const { code, out } = await run(showEvents, []);
    expect(code).toBe(0);
    expect(out.slice(1)).toEqual([
      '2026-11-22T18:00:01.000Z  moved_tag  -  ends [2J with a trick',
      '2026-11-22T18:00:00.000Z  mismatch  example.com/a@v1.0.0  something differs',
    ]);
  });

  test.each<[flags: string[], count: number]>([
    [['--kind', 'moved_tag'], 1],
    [['--module=example.com/a'], 1],
    [['--since', '1h'], 1],
    [['--since', '2026-11-22T18:00:01Z'], 2],
    [['--limit', '2'], 2],
    [['--kind', 'mismatch', '--module', 'example.com/b', '--since', '24h'], 1],
  ])('%j shows %i', async (flags, count) => {
    expect((await run(showEvents, flags)).out).toHaveLength(count);
  });

  test('--json has everything for programs, a line each', async () => {
    const { out } = await run(showEvents, ['--json', '--module', 'example.com/a']);
    expect(out.map((line) => JSON.parse(line))).toEqual([
      {
        id: 'one',
        at: '2026-11-22T18:00:00.000Z',
        kind: 'mismatch',
        path: 'example.com/a',
        version: 'v1.0.0',
        text: 'something differs',
        detail: { source: 'direct' },
      },
    ]);
  });
});

describe('stoa jobs', () => {
  test('shows what waits, runs, and was given up', async () => {
    const { code, out } = await run(showJobs, []);
    expect(code).toBe(0);
    expect(out).toHaveLength(3);
    expect(out.find((line) => line.startsWith('waiting'))).toBe(
      'waiting  verify  waits  begun 0 times  from 2026-11-22T18:00:05.000Z',
    );
    expect(out.find((line) => line.startsWith('running'))).toMatch(
      /^running {2}fetch {2}runs {2}begun 1 times {2}leased until /,
    );
    expect(out.find((line) => line.startsWith('failed'))).toMatch(
      /^failed {3}sweep {2}fails {2}begun 1 times {2}from \S+ {2}no way$/,
    );
  });

  test('of one kind and state, for programs', async () => {
    expect((await run(showJobs, ['--state', 'running', '--kind', 'sweep'])).out).toEqual([]);
    const { out } = await run(showJobs, ['--json', '--state=failed']);
    expect(out.map((line) => JSON.parse(line))).toMatchObject([
      {
        kind: 'sweep',
        key: 'fails',
        state: 'failed',
        payload: { all: true },
        lastError: 'no\nway',
        leaseUntil: null,
      },
    ]);
  });
});

test.each<[args: string[], code: number, said: string]>([
  [['--limit', '0'], 2, '--limit: "0" is not a number from 1 to 999999'],
  [['--limit'], 2, '--limit: the value is missing'],
  [
    ['--since', 'noon'],
    2,
    '--since: "noon" is not a duration such as 24h, or a time such as 2026-11-22T18:00:00Z',
  ],
  [['--prot', '1'], 2, '--prot: unknown flag; did you mean --port?'],
])('%j is refused with a sentence', async (args, code, said) => {
  expect(await run(showEvents, args)).toEqual({ code, out: [], err: [said] });
});

test('a state that there is not is refused with a sentence', async () => {
  expect((await run(showJobs, ['--state', 'done'])).err).toEqual([
    '--state: "done" is not waiting, running or failed',
  ]);
});

test('where there is no catalog, or none that can be read, a sentence says so', async () => {
  const none = await run(showEvents, [], '/nowhere');
  expect(none).toMatchObject({
    code: 1,
    err: ['/nowhere/catalog.db: there is no catalog; a server makes it when it starts'],
  });
  const file = join(folder.path, 'other.db');
  await writeFile(file, '');
  const empty = await run(showJobs, ['--catalog', file]);
  expect(empty).toMatchObject({ code: 1, err: [`${file}: holds no catalog`] });
  const { db, close } = openSqlite(join(folder.path, 'catalog.db'));
  await db.updateTable('stoa_schema').set({ version: 5 }).execute();
  await close();
  const newer = await run(showJobs, []);
  expect(newer).toMatchObject({
    code: 2,
    err: [expect.stringContaining('written by a newer version of Stoa')],
  });
});
