import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDiskStore } from '../../src/storage/disk.ts';
import { createLedger } from '../../src/sumdb/ledger.ts';
import { parseLedgerKey } from '../../src/sumdb/ledger-signer.ts';
import { parseVerifierKey } from '../../src/sumdb/note.ts';
import { madeUp, signal } from '../sumdb/ledger-bed.ts';
import { numbered, sumsFor } from '../sumdb/ledger-versions.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-ledger-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function stoa(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'ledger', ...args], {
    cwd: folder,
    env: { HOME: folder, STOA_UPSTREAM: 'off', STOA_DATA: join(folder, 'data'), ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('stoa ledger init', () => {
  test('makes a key that nobody else can read, and says what to set', () => {
    const { status, stdout } = stoa(['init', 'sum.corp.example', 'ledger.key']);
    expect(status).toBe(0);
    const file = join(folder, 'ledger.key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { verifierKey } = parseLedgerKey(readFileSync(file, 'utf8').trim());
    expect(stdout).toContain(`GOSUMDB=${verifierKey}`);
    expect(stdout).toContain('STOA_LEDGER_KEY_FILE=ledger.key');
    expect(stdout).not.toContain('PRIVATE+KEY');
    expect(parseVerifierKey(verifierKey).name).toBe('sum.corp.example');
  });

  test('never writes over a key', () => {
    writeFileSync(join(folder, 'sum.kept.example.key'), 'kept');
    expect(stoa(['init', 'sum.kept.example'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('EEXIST'),
    });
    expect(readFileSync(join(folder, 'sum.kept.example.key'), 'utf8')).toBe('kept');
  });

  test.each([
    [[], 'give the name'],
    [['--data', 'x'], 'give the name'],
    [['a', 'b', 'c'], 'give the name'],
    [['Sum.Corp.Example'], 'host in lower case'],
    [['sum.corp.example/log'], 'host in lower case'],
    [['sum+corp'], 'host in lower case'],
    [['../corp'], 'host in lower case'],
    [[`${'a'.repeat(101)}`], 'more than 100'],
    [['sum.golang.org'], 'public database'],
  ])('%j is refused', (args, why) => {
    expect(stoa(['init', ...args])).toMatchObject({ status: 2, stderr: expect.stringContaining(why) });
  });
});

describe('stoa ledger key', () => {
  test('shows what clients are told, and never the private key', () => {
    const init = stoa(['init', 'sum.shown.example']).stdout;
    const env = { STOA_LEDGER_KEY_FILE: 'sum.shown.example.key' };
    const { status, stdout } = stoa(['key'], env);
    expect(status).toBe(0);
    expect(init).toContain(stdout.trim());
    expect(stoa(['key', '--ledger-key-file', 'sum.shown.example.key']).stdout).toBe(stdout);
  });

  test.each([
    ['without a key', {}, 'no private log is set'],
    [
      'with no key at all',
      { STOA_LEDGER_KEY: 'secret text' },
      'ledger.key: the value from STOA_LEDGER_KEY is not a key',
    ],
    [
      'with the key of a public database',
      { STOA_LEDGER_KEY: 'PRIVATE+KEY+sum.golang.org+b9b0b8d2+AQ' },
      'ledger.key',
    ],
    ['with a file that is not there', { STOA_LEDGER_KEY_FILE: 'nowhere' }, 'does not exist'],
  ])('%s says what is wrong', (_, env, why) => {
    const { status, stderr } = stoa(['key'], env);
    expect(status).toBe(2);
    expect(stderr).toContain(why);
    expect(stderr).not.toContain('secret text');
  });
});

describe('stoa ledger verify', () => {
  const env = { STOA_LEDGER_KEY_FILE: 'sum.verified.example.key' };

  test('tells what is right, and what is not', async () => {
    stoa(['init', 'sum.verified.example']);
    const root = join(folder, 'data/store');
    const store = await openDiskStore({ root });
    const ledger = createLedger({
      signer: parseLedgerKey(readFileSync(join(folder, 'sum.verified.example.key'), 'utf8').trim()),
      store,
      proveLines: madeUp,
      log: { warn() {} },
      recorder: { event() {} },
      deadlineMs: 10_000,
      life: signal,
    });
    for (let n = 0; n < 3; n++) await ledger.add(numbered(n), sumsFor(numbered(n)), signal);
    await ledger.close();

    const right = stoa(['verify'], env);
    expect(right).toMatchObject({ status: 0, stderr: '' });
    expect(right.stdout).toContain('3 records in 3 commits');
    expect(right.stdout).toContain(String(await ledger.latest(signal)).trimEnd());
    expect(right.stdout.trimEnd().split('\n').at(-1)).toMatch(/^ok /);

    await store.delete('sumdb/sum.verified.example/commit/0000000000000/001');
    const wrong = stoa(['verify'], env);
    expect(wrong.status).toBe(1);
    expect(wrong.stdout).toContain('commit/0000000000000/001 is missing');
    expect(wrong.stdout.trimEnd().split('\n').at(-1)).toMatch(/^failed /);
  });

  test('has nothing to look at in a store that ends with its process', () => {
    expect(stoa(['verify', '--storage-type', 'memory'], env)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('needs a store that outlives'),
    });
  });
});
