import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { formatError } from '../../src/observe/error-text.ts';
import { createCredentialHelper, HelperError } from '../../src/vcs/git-credential.ts';
import { createRun, type Run } from '../../src/vcs/run.ts';
import { git } from '../fakes/git-repos.ts';
import { failure } from '../net/origin.ts';
import { limits } from './bed.ts';

const { signal } = new AbortController();
const url = new URL('https://git.example.com:8443/team/r%20s.git/info/refs');

let run: Run;
beforeAll(() => {
  run = createRun(limits);
});
afterAll(() => run.close());

async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-helper-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

type Options = Omit<Parameters<typeof createCredentialHelper>[0], 'run' | 'path'>;

function open(options: Options) {
  return createCredentialHelper({ run, path: process.env.PATH!, ...options });
}

/** A helper that notes what it is told, in `told`, and answers to `get` with these lines. */
async function openScript(script: string, options: Partial<Options> = {}) {
  const folder = await openFolder();
  const program = join(folder, 'helper');
  const told = join(folder, 'told');
  await writeFile(program, `#!/bin/sh\ntold=${told}\n{ echo "$@"; cat; } >>"$told"\n${script}\n`);
  await chmod(program, 0o755);
  return { helper: open({ command: [program], ...options }), program, told: () => readFile(told, 'utf8') };
}

const answer = (...lines: string[]) => `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}`;

describe('a credential helper', () => {
  test('is asked as git asks it, and told what became of its answer', async () => {
    const { helper, told } = await openScript(
      answer(
        'username=gopher',
        'password=p=1',
        'password_expiry_utc=2000000000',
        'oauth_refresh_token=r',
        'odd',
      ),
      {},
    );
    const login = await helper.ask(url, signal);
    expect(login).toMatchObject({ username: 'gopher', password: 'p=1', expiresAt: 2_000_000_000_000 });
    expect(await told()).toBe('get\nprotocol=https\nhost=git.example.com:8443\n\n');
    if ('none' in login) throw new Error(login.none);
    await helper.accepted(url, login, signal);
    await helper.refused(url, login, signal);
    const fields =
      'protocol=https\nhost=git.example.com:8443\nusername=gopher\npassword=p=1\npassword_expiry_utc=2000000000\noauth_refresh_token=r\n\n';
    expect((await told()).replace(/^get\n[\s\S]*?\n\n/, '')).toBe(`store\n${fields}erase\n${fields}`);
  });

  test('is asked for the path of a repository where that is said', async () => {
    const { helper, told } = await openScript(answer('username=u', 'password=p'), { usePath: true });
    await helper.ask(url, signal);
    expect(await told()).toContain('\npath=team/r s.git\n');
    expect(helper.scope(url)).not.toBe(helper.scope(new URL('/other', url)));
    expect(open({ command: 'x' }).scope(url)).toBe(open({ command: 'x' }).scope(new URL('/other', url)));
  });

  test.each(['https://git.example/a%0Apassword=x', 'https://git.example/a%00b', 'https://git.example/%0d'])(
    'is not asked about %s, which would say something else',
    async (text) => {
      const { helper, told } = await openScript(answer('username=u', 'password=p'), { usePath: true });
      expect(await failure(helper.ask(new URL(text), signal))).toMatchObject({
        kind: 'upstream',
        message: "git.example: the credential helper can't be asked for such a path",
      });
      await expect(told()).rejects.toThrow('ENOENT');
    },
  );

  test('may have no answer', async () => {
    const { helper } = await openScript(answer('quit=1'));
    expect(await helper.ask(url, signal)).toEqual({ none: 'the credential helper has none for it' });
  });

  test('sees nothing of this environment, and cannot ask anybody', async () => {
    process.env.STOA_HUSH = 'hush';
    onTestFinished(() => void delete process.env.STOA_HUSH);
    const { helper, told } = await openScript(
      'env >>"$told"; tty >>"$told" 2>&1; (: </dev/tty) 2>&1 || echo no terminal >>"$told"',
    );
    await helper.ask(url, signal);
    const text = await told();
    expect(text).not.toContain('hush');
    expect(text).toContain('GIT_TERMINAL_PROMPT=0\n');
    expect(text).toContain('not a tty\n');
    expect(text).toContain('no terminal\n');
  });

  test('that fails is named, and what it complains of is told apart', async () => {
    const { helper } = await openScript(
      "echo 'first: p4ssword' >&2; echo 'fatal: no such vault' >&2; exit 3",
    );
    const error = await failure(helper.ask(url, signal));
    expect(error).toBeInstanceOf(HelperError);
    expect(error).toMatchObject({
      kind: 'upstream',
      message: 'git.example.com:8443: the credential helper failed (exit status 3)',
      said: 'no such vault',
    });
    expect(formatError(error)).not.toMatch(/vault|p4ssword/);
  });

  test('that is not there is named', async () => {
    for (const command of [['no-such-helper'], '!no-such-helper'] as const) {
      expect(await failure(open({ command }).ask(url, signal))).toMatchObject({
        kind: 'upstream',
        message: expect.stringContaining('the credential helper is not installed, or not found in'),
      });
    }
  });

  test('has so much time, and is ended with all that it started', async () => {
    const { helper, told } = await openScript('sleep 600 & echo $! >>"$told"; sleep 600', {
      timeoutMs: 200,
    });
    expect(await failure(helper.ask(url, signal))).toMatchObject({
      kind: 'timeout',
      message: expect.stringMatching(/^git\.example\.com:8443: the credential helper did not answer: /),
    });
    const pid = (await told()).trim().split('\n').at(-1)!;
    // Of one that is gone and was not waited for, it is empty.
    const command = () => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    await expect.poll(command).toBe('');
  });

  test('may not say more than a login takes', async () => {
    const { helper } = await openScript('yes');
    expect(await failure(helper.ask(url, signal))).toMatchObject({ kind: 'integrity' });
  });

  test('ends with who asks', async () => {
    const { helper } = await openScript('sleep 600');
    const leaving = new AbortController();
    const asked = failure(helper.ask(url, leaving.signal));
    leaving.abort();
    expect(await asked).toMatchObject({ kind: 'canceled' });
  });
});

describe.skipIf(git === undefined)('a helper in the words of git', () => {
  test('is one of its own, with arguments as a shell reads them', async () => {
    const file = join(await openFolder(), 'the logins');
    const helper = open({ command: `store --file '${file}'` });
    expect(await helper.ask(url, signal)).toHaveProperty('none');
    const told = { username: 'gopher', password: 'hush' };
    await helper.accepted(url, { ...told, told }, signal);
    expect(await readFile(file, 'utf8')).toBe('https://gopher:hush@git.example.com%3a8443\n');
    expect(await helper.ask(url, signal)).toMatchObject(told);
    await helper.refused(url, { ...told, told }, signal);
    expect(await helper.ask(url, signal)).toHaveProperty('none');
  });

  test('is a program with an absolute name, or a line for a shell', async () => {
    const { program } = await openScript('[ "$1" = x ] && echo username=u && echo password=p');
    for (const command of [`${program} x`, `!HOME=/x ${program} x`]) {
      expect(await open({ command }).ask(url, signal)).toMatchObject({ username: 'u', password: 'p' });
    }
  });

  test('gets from us what it gets from git', async () => {
    const { program, told } = await openScript(answer('username=u', 'password=p'));
    execFileSync(git!, ['-c', `credential.helper=${program}`, 'credential', 'fill'], {
      env: { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
      input: `url=https://git.example.com:8443/team\n\n`,
    });
    const byGit = await told();
    await open({ command: program }).ask(url, signal);
    // Newer versions of git say also what they can do, and what the host asked for.
    const plain = byGit.replace(/^(capability|wwwauth)\[\]=.*\n/gm, '');
    expect((await told()).slice(byGit.length).trimEnd()).toBe(plain.trimEnd());
  });
});
