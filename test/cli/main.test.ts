import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const main = join(import.meta.dirname, '../../src/main.ts');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-cli-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs the command line as a process, in a folder and an environment of its own. */
function stoa(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    env: { HOME: folder, STOA_UPSTREAM: 'off', ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));

describe('stoa', () => {
  test.each([[[]], [['help']], [['--help']], [['-h']]])(
    '%j lists the commands and the exit codes',
    (args) => {
      const { status, stdout, stderr } = stoa(args);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      for (const word of ['serve', 'config show', 'config check', 'doctor', 'version', 'Exit codes']) {
        expect(stdout).toContain(word);
      }
    },
  );

  test.each([[['help', 'serve']], [['serve', '--help']], [['help', 'config']], [['config', 'show', '-h']]])(
    '%j shows every flag',
    (args) => {
      const { status, stdout } = stoa(args);
      expect(status).toBe(0);
      expect(stdout).toContain('--log-level <value>');
      expect(stdout).toContain('--credentials-file <value>');
    },
  );

  test.each([[['version']], [['--version']]])('%j says the version', (args) => {
    expect(stoa(args)).toMatchObject({ status: 0, stdout: expect.stringMatching(`^stoa ${version} `) });
  });

  test('-version says it as Athens does', () => {
    expect(stoa(['-version']).stdout).toBe(`Build Details:\n\tVersion:\tv${version}\n`);
  });

  test.each([
    [['srve'], 'stoa: unknown command "srve"; did you mean serve?\n'],
    [
      ['config'],
      'stoa: unknown command "config"; there are serve, config show, config check, doctor, events, jobs, ledger init, ledger key, ledger verify, verify, version, help\n',
    ],
    [['config', 'chekc'], 'stoa: unknown command "config chekc"; did you mean config check?\n'],
    [
      ['xyzzy'],
      'stoa: unknown command "xyzzy"; there are serve, config show, config check, doctor, events, jobs, ledger init, ledger key, ledger verify, verify, version, help\n',
    ],
    [['help', 'srve'], 'stoa: unknown command "srve"; did you mean serve?\n'],
    [['version', 'now'], 'stoa version: unexpected argument "now"\n'],
    [['config', 'check', '--prot', '1'], '--prot: unknown flag; did you mean --port?\n'],
  ])('%j is wrong usage: exit code 2, one line', (args, expected) => {
    expect(stoa(args)).toEqual({ status: 2, stdout: '', stderr: expected });
  });

  test('config check reads the real environment and the real file', () => {
    writeFileSync(join(folder, 'own.toml'), 'port = 4000\n');
    const { status, stdout } = stoa(['config', 'show', '--json'], {
      STOA_CONFIG: 'own.toml',
      STOA_LOG_LEVEL: 'warn',
    });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      port: { value: '4000', source: 'own.toml' },
      upstream: { value: 'off', source: 'STOA_UPSTREAM' },
      'log.level': { value: 'warn', source: 'STOA_LOG_LEVEL' },
    });
  });

  test.each([
    ['serve', ['serve', '--port', 'x']],
    ['no command but flags', ['--port', 'x']],
    ['the flag of Athens', ['-config_file=gone.toml', '--port', 'x']],
  ])('%s serves, and tells wrong settings as JSON lines: exit code 2', (_, args) => {
    const { status, stdout, stderr } = stoa(args);
    expect({ status, stderr }).toEqual({ status: 2, stderr: '' });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({
      level: 'ERROR',
      service: 'stoa',
      message: 'port: "x" from --port is not a whole number from 0 to 65535',
    });
  });

  test('tells them as plain lines where the settings say so', () => {
    expect(stoa(['serve', '--port', 'x', '--log-format', 'plain']).stdout).toMatch(
      /^ERROR\[.*port: "x" from --port/,
    );
  });
});
