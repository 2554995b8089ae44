import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type VerifyAround, verify } from '../../src/cli/verify.ts';
import { formatKey, type StoredExtension } from '../../src/module/target.ts';
import { type ModuleFixture, moduleFixture } from '../fakes/module-zip.ts';
import { startStoa } from '../fakes/stoa.ts';
import { type FakeSumdb, startSumdb, sumsOf } from '../fakes/sumdb.ts';
import { startUpstream } from '../fakes/upstream.ts';

const m = { path: 'example.com/M', version: 'v1.0.0' };
const other = { path: 'example.org/other', version: 'v0.1.0' };

let data: string;
let database: FakeSumdb;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'stoa-verify-'));
  database = await startSumdb();
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await rm(data, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly lines: readonly string[];
  readonly complaints: readonly string[];
}

/** Runs the command over the data, by default with the database of the test. */
async function run(args: readonly string[], around: Partial<VerifyAround> = {}): Promise<Ended> {
  const lines: string[] = [];
  const complaints: string[] = [];
  const invocation = {
    args: ['--workers', '1', ...args],
    out: (line: string) => void lines.push(line),
    err: (line: string) => void complaints.push(line),
  };
  const env = {
    STOA_DATA: data,
    STOA_UPSTREAM: 'off',
    STOA_SUMDB: `${database.verifierKey} ${database.url}`,
    STOA_PRIVATE: 'example.org',
    STOA_NET_RETRIES: '0',
  };
  const screen = { isTerminal: false, columns: 80, write: () => undefined };
  const code = await verify(invocation, {
    machine: { env },
    screen,
    onStop: () => undefined,
    ...around,
  });
  return { code, lines, complaints };
}

/** What the command says of each version that is not good, and its summary. */
async function runJson(args: readonly string[] = []) {
  const { code, lines } = await run(['--json', ...args]);
  const said = lines.map((line) => JSON.parse(line));
  return { code, told: said.slice(0, -1), summary: said.at(-1) };
}

function fileOf({ path, version }: typeof m, file: StoredExtension, root = join(data, 'store')): string {
  return join(root, formatKey(path, version, file));
}

/** Stores all of a version, as the server does. */
async function store(version: typeof m): Promise<ModuleFixture> {
  const fixture = await moduleFixture(version);
  const { info, mod, zip, h1 } = fixture;
  await mkdir(dirname(fileOf(version, 'zip')), { recursive: true });
  const files = { info, mod, zip, ziphash: h1 } as const;
  for (const [file, content] of Object.entries(files))
    await writeFile(fileOf(version, file as StoredExtension), content);
  return fixture;
}

/** Stores it, and logs it in the database. */
async function storeAgreed(version: typeof m): Promise<ModuleFixture> {
  const fixture = await store(version);
  database.add(version, { zip: fixture.h1, mod: fixture.modH1 });
  return fixture;
}

/** Changes a byte of the content of the first file. */
async function rot(version: typeof m): Promise<void> {
  const bytes = await readFile(fileOf(version, 'zip'));
  bytes[70]! ^= 1;
  await writeFile(fileOf(version, 'zip'), bytes);
}

/** The files of a version that are stored. */
async function stored(version: typeof m, root?: string): Promise<string[]> {
  // A folder goes with the last file in it.
  return (await readdir(dirname(fileOf(version, 'zip', root))).catch(() => [])).sort();
}

/** The tombstones. */
async function stones(): Promise<Record<string, string>[]> {
  const folder = join(data, 'store/gone');
  const names = await readdir(folder).catch(() => []);
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8'))));
}

describe('stoa verify', () => {
  test('finds everything good, by the database or by what was published', async () => {
    await storeAgreed(m);
    await store(other);
    const { code, told, summary } = await runJson();
    expect({ code, told }).toEqual({ code: 0, told: [] });
    expect(summary).toMatchObject({
      type: 'summary',
      versions: 2,
      bad: 0,
      unchecked: 0,
      database: 1,
      hash: 1,
    });
    expect(summary.bytes).toBeGreaterThan(100);
    // What was looked up is kept; private modules were never asked for.
    expect(database.requests.filter((target) => target.startsWith('lookup/'))).toEqual([
      'lookup/example.com/!m@v1.0.0',
    ]);
    await database.stop();
    expect(await runJson(['--offline'])).toMatchObject({ code: 0, summary: { database: 1, hash: 1 } });
  });

  test('says what it did to people', async () => {
    await storeAgreed(m);
    const { code, lines } = await run([]);
    expect(code).toBe(0);
    expect(lines.join('\n')).toMatch(/^verified 1 versions .*\n {2}0 bad\n/);
  });

  test('finds a zip whose bytes changed', async () => {
    const { h1 } = await storeAgreed(m);
    await rot(m);
    const { code, lines } = await run([]);
    expect(code).toBe(1);
    expect(lines[0]).toMatch(/^bad {8}example\.com\/M@v1\.0\.0 {2}\.zip: expected h1:\S+, found /);
    expect(lines[0]).toContain(h1);
  });

  test('finds a hash that contradicts the database, and one that is none', async () => {
    await storeAgreed(m);
    const wrong = sumsOf('wrong').zip;
    await writeFile(fileOf(m, 'ziphash'), wrong);
    expect(await runJson()).toMatchObject({
      code: 1,
      told: [{ module: m.path, faults: [{ file: 'ziphash', found: wrong, by: database.name }] }],
    });
    await writeFile(fileOf(m, 'ziphash'), 'h1:cut');
    expect(await runJson()).toMatchObject({ code: 1, told: [{ faults: [{ file: 'ziphash' }] }] });
  });

  test('finds a private zip that is not what was published, an .info and a .mod of something else', async () => {
    await store(other);
    await writeFile(fileOf(other, 'ziphash'), sumsOf('other').zip);
    await storeAgreed(m);
    await writeFile(fileOf(m, 'mod'), 'module example.com/evil\n');
    await writeFile(fileOf(m, 'info'), '{"Version":"v1.0.1"}');
    const { code, told } = await runJson();
    expect(code).toBe(1);
    expect(told).toMatchObject([
      {
        module: m.path,
        faults: [
          { file: 'mod', by: database.name },
          { file: 'info', expected: 'v1.0.0' },
        ],
      },
      { module: other.path, faults: [{ file: 'zip' }] },
    ]);
  });

  test('does not take a rotten look-up for a contradiction', async () => {
    await storeAgreed(m);
    await run([]);
    const lookup = join(data, 'store/sumdb', database.name, 'lookup/example.com/!m@v1.0.0');
    const record = await readFile(lookup, 'utf8');
    await writeFile(
      lookup,
      record.replace(/h1:./, (text) => (text === 'h1:A' ? 'h1:B' : 'h1:A')),
    );
    expect(await runJson()).toMatchObject({ code: 0, summary: { database: 1 } });
  });

  test('takes the rest of a sweep and of a walk through the module graph for good', async () => {
    await storeAgreed(m);
    await rm(fileOf(m, 'zip'));
    await store(other);
    await rm(fileOf(other, 'zip'));
    await rm(fileOf(other, 'ziphash'));
    expect(await runJson()).toMatchObject({ code: 0, told: [], summary: { versions: 2 } });
  });

  test('says what could not be checked, and why: exit code 2', async () => {
    await store(m);
    expect(await runJson()).toMatchObject({
      code: 2,
      told: [{ type: 'unchecked', doubts: [expect.stringContaining('does not know it')] }],
    });
    await database.stop();
    expect(await runJson()).toMatchObject({ code: 2, told: [{ type: 'unchecked' }] });
    expect(await runJson(['--offline'])).toMatchObject({ code: 0, summary: { unasked: 1 } });
    await rm(fileOf(m, 'ziphash'));
    expect(await runJson(['--offline'])).toMatchObject({
      code: 2,
      told: [{ doubts: [expect.stringContaining('has no .ziphash')] }],
    });
  });

  test('takes a file that cannot be read for unchecked, not for bad', async () => {
    await store(other);
    await rm(fileOf(other, 'ziphash'));
    await symlink('v0.1.0.info', fileOf(other, 'ziphash'));
    const { code, told } = await runJson(['--purge']);
    expect({ code, told }).toMatchObject({ code: 2, told: [{ type: 'unchecked' }] });
    expect(told[0].doubts[0]).toContain('a symbolic link is in its place');
    expect(await stored(other)).toHaveLength(4);
  });

  test('reads what matches the patterns alone', async () => {
    await store(m);
    await store(other);
    await rot(other);
    expect(await runJson(['example.com/*', '--offline'])).toMatchObject({
      code: 0,
      summary: { versions: 1 },
    });
    expect(await runJson(['example.com/M,*.org', '--offline'])).toMatchObject({
      code: 1,
      summary: { versions: 2 },
    });
    const { code, complaints } = await run(['example.net']);
    expect({ code, complaints }).toEqual({
      code: 2,
      complaints: ['nothing is stored of modules that match example.net'],
    });
  });

  test.each([
    [['--resume'], '--resume: nothing was interrupted'],
    [['--resume', 'example.com'], '--resume: it goes on with the patterns and options it was begun with'],
    [['--prot', '1'], '--prot: unknown flag; did you mean --port?'],
    [['--backup'], '--backup: the value is missing'],
  ])('%j is wrong usage: exit code 2', async (args, expected) => {
    expect(await run(args)).toEqual({ code: 2, lines: [], complaints: [expected] });
  });

  test('keeps the backup out of the store', async () => {
    const { code, complaints } = await run(['--backup', join(data, 'store/backup')]);
    expect({ code, complaints }).toEqual({ code: 2, complaints: [expect.stringContaining('in the store')] });
  });
});

describe('stoa verify --purge', () => {
  test('moves a rotten zip away and leaves what binds the next one', async () => {
    await store(other);
    await rot(other);
    const rotten = await readFile(fileOf(other, 'zip'));
    const backup = join(data, 'away');
    expect(await runJson(['--purge', '--backup', backup])).toMatchObject({
      code: 1,
      told: [{ backup }],
      summary: { purged: 1 },
    });
    expect(await stored(other)).toEqual(['v0.1.0.info', 'v0.1.0.mod', 'v0.1.0.ziphash']);
    expect(await stored(other, backup)).toHaveLength(4);
    expect(await readFile(fileOf(other, 'zip', backup))).toEqual(rotten);
    expect(await stones()).toMatchObject([{ module: other.path, by: 'verification' }]);
    expect(await runJson()).toMatchObject({ code: 0 });
  });

  test('takes all of a version away that the database contradicts', async () => {
    await store(m);
    database.add(m);
    expect(await runJson(['--purge'])).toMatchObject({ code: 1, summary: { purged: 1 } });
    expect(await stored(m)).toEqual([]);
    expect(await stones()).toMatchObject([{ module: m.path, by: 'database' }]);
    const [folder = ''] = await readdir(join(data, 'backup'));
    expect(await stored(m, join(data, 'backup', folder))).toHaveLength(4);
  });

  test('takes away only a hash that is wrong of a zip that is right', async () => {
    await storeAgreed(m);
    await writeFile(fileOf(m, 'ziphash'), sumsOf('wrong').zip);
    await run(['--purge']);
    expect(await stored(m)).toEqual(['v1.0.0.info', 'v1.0.0.mod', 'v1.0.0.zip']);
    expect(await runJson()).toMatchObject({ code: 0, summary: { database: 1 } });
  });

  test('has a server that runs on the same data serve the right content again', async () => {
    const fixture = await storeAgreed(m);
    await rot(m);
    await using upstream = await startUpstream({
      modules: [{ path: m.path, versions: { [m.version]: {} } }],
    });
    await using server = await startStoa({
      upstream: upstream.url,
      data,
      env: { STOA_SUMDB: `${database.verifierKey} ${database.url}` },
    });
    const get = () => fetch(`${server.url}/example.com/!m/@v/v1.0.0.zip`);
    expect((await get()).status).toBe(502);
    expect((await run(['--purge'])).code).toBe(1);
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(fixture.zip);
    expect(await runJson()).toMatchObject({ code: 0 });
  });
});

describe('stoa verify --resume', () => {
  test('goes on behind the last version that was done, with the same patterns', async () => {
    const versions = Array.from({ length: 300 }, (_, minor) => `v1.${minor}.0`);
    await store(other);
    await mkdir(dirname(fileOf(m, 'mod')), { recursive: true });
    for (const version of versions)
      await writeFile(fileOf({ ...m, version }, 'info'), JSON.stringify({ Version: version }));
    let stop = (): void => undefined;
    const interrupted = await run(['example.com/*', '--offline'], {
      onStop: (listener) => {
        stop = listener;
      },
      // The first progress that is shown.
      screen: { isTerminal: true, columns: 80, write: () => stop() },
    });
    expect(interrupted.code).toBe(2);
    expect(interrupted.complaints).toEqual(['interrupted', 'stoa verify --resume goes on from here']);
    const { counts, after } = JSON.parse(await readFile(join(data, 'verify.json'), 'utf8'));
    expect(counts.versions).toBeLessThan(versions.length);
    expect(after).not.toBe('');
    expect(await runJson(['--resume'])).toMatchObject({ code: 0, summary: { versions: versions.length } });
    expect((await run(['--resume'])).complaints).toEqual(['--resume: nothing was interrupted']);
  });
});
