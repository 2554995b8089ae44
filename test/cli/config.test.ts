import { describe, expect, test } from 'vitest';
import { checkConfig, showConfig } from '../../src/cli/config.ts';
import { named } from '../../src/config/schema.ts';
import { machineOf, type Said } from '../config/machine.ts';

/** Runs a command and keeps what it prints. */
function run(command: typeof showConfig, args: readonly string[], said: Said = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = command(
    { args, out: (line) => void out.push(line), err: (line) => void err.push(line) },
    machineOf(said),
  );
  return { code, out, err };
}

describe('stoa config show', () => {
  test('has a line for every setting, with its value and its source', () => {
    const { code, out } = run(showConfig, ['--port', '4000'], { env: { STOA_DRAIN_TIMEOUT: '90s' } });
    expect(code).toBe(0);
    expect(out.map((line) => line.split(' ')[0])).toEqual(named.map(({ name }) => name));
    expect(out.map((line) => line.split(/ +/))).toEqual(
      expect.arrayContaining([
        ['port', '4000', '--port'],
        ['drain_timeout', '1m30s', 'STOA_DRAIN_TIMEOUT'],
        ['upstream', 'https://goproxy.io,direct', 'default'],
      ]),
    );
  });

  test('--json has the same for programs', () => {
    const { out } = run(showConfig, ['--json'], { env: { GOPROXY: 'off' } });
    const shown = JSON.parse(out.join('\n'));
    expect(Object.keys(shown)).toEqual(named.map(({ name }) => name));
    expect(shown.upstream).toEqual({ value: 'off', source: 'GOPROXY' });
  });

  test('shows values as they can be written again', () => {
    const text =
      'upstream = "https://a.example.com|direct"\nprivate = ["a.example.com"]\n[http]\nmax_url = "1KiB"';
    const shown = JSON.parse(run(showConfig, ['--json'], { files: { 'stoa.toml': text } }).out.join('\n'));
    const env = Object.fromEntries(
      named
        .filter(({ setting }) => !setting.secret)
        .map(({ name, variable }) => [variable, shown[name].value]),
    );
    // What nobody set is a value now, and these mean nothing beside a disk.
    for (const variable of Object.keys(env))
      if (/^STOA_(STORAGE_(?!TYPE$)|S3_)/.test(variable)) delete env[variable];
    const again = JSON.parse(run(showConfig, ['--json'], { env }).out.join('\n'));
    for (const { name } of named) expect(again[name].value, name).toBe(shown[name].value);
  });

  test('tells every problem on a line of its own, and fails', () => {
    const { code, out, err } = run(showConfig, [], { env: { STOA_PORT: 'x', STOA_PROT: '1' } });
    expect({ code, out }).toEqual({ code: 2, out: [] });
    expect(err).toEqual([
      'STOA_PROT: unknown variable; did you mean STOA_PORT?',
      'port: "x" from STOA_PORT is not a whole number from 0 to 65535',
    ]);
  });
});

describe('stoa config check', () => {
  test('says that the settings are right', () => {
    expect(run(checkConfig, [])).toEqual({ code: 0, out: ['the settings are right'], err: [] });
  });

  test('shows warnings, and what has no effect', () => {
    const { code, out, err } = run(checkConfig, [], { env: { MODE: 'prod', ATHENS_GOGET_DIR: '/tmp' } });
    expect(code).toBe(0);
    expect(err).toEqual([expect.stringMatching(/^warning: MODE=prod means nothing to Stoa/)]);
    expect(out).toEqual([
      'without effect: ATHENS_GOGET_DIR: Stoa downloads without the go command',
      'the settings are right',
    ]);
  });

  test('fails for wrong ones', () => {
    expect(run(checkConfig, ['--tls-cert-file', '/gone']).code).toBe(2);
  });
});
