import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath, kill } from 'node:process';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { expect, onTestFinished, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { type Command, createRun, type RunLimits } from '../../src/vcs/run.ts';
import { failure, never } from '../conformance/repo-kit.ts';
import { limits } from './bed.ts';

const path = process.env.PATH!;

function open(more: Partial<RunLimits> = {}) {
  const run = createRun({ ...limits, ...more });
  onTestFinished(async () => {
    await expect.poll(() => run.running).toBe(0);
    await run.close();
  });
  return run;
}

function sh(script: string, ...args: string[]): Command {
  return { program: 'sh', args: ['-c', script, 'sh', ...args], env: { PATH: path }, cwd: '/' };
}

const options = { timeoutMs: 20_000, maxBytes: 10_000_000 };

/** Processes of a group. */
async function membersOf(group: number): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    const [state, , pgrp] = line.slice(line.lastIndexOf(')') + 2).split(' ');
    if (Number(pgrp) === group && state !== 'Z') found.push(pid);
  }
  return found;
}

test('a command gets its arguments as they are', async () => {
  const args = [
    '',
    'a b',
    '$(id)',
    '`id`',
    '"',
    "'",
    '\\',
    '*',
    '\n',
    ';exit 3',
    '-n',
    '--',
    '文',
    'a'.repeat(50_000),
  ];
  const command = { program: 'printf', args: ['%s\\0', ...args], env: { PATH: path }, cwd: '/' };
  const { stdout, code } = await open().output(command, never, options);
  expect(stdout.toString().split('\0').slice(0, -1)).toEqual(args);
  expect(code).toBe(0);
});

test('a command sees of an environment what it is given, and nothing else', async () => {
  const command = { program: 'env', args: [], env: { PATH: path, SECRET: 'a b' }, cwd: '/' };
  const { stdout } = await open().output(command, never, options);
  const names = stdout
    .toString()
    .split('\n')
    .map((line) => line.split('=')[0]);
  // The shell that sets the limits has variables of its own.
  expect(names.filter((name) => name !== 'PWD' && name !== '_' && name !== 'SHLVL').sort()).toEqual([
    '',
    'PATH',
    'SECRET',
  ]);
});

test('a command is told how it ended, and what it complained of last', async () => {
  const { code, stderr, stdout } = await open().output(sh('cat; echo no >&2; exit 7'), never, {
    ...options,
    input: Buffer.from('given'),
  });
  expect({ code, stderr, stdout: stdout.toString() }).toEqual({ code: 7, stderr: 'no\n', stdout: 'given' });
  const noisy = await open().output(
    sh('i=0; while [ $i -lt 5000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end >&2'),
    never,
    options,
  );
  expect(noisy.stderr).toMatch(/\nend\n$/);
  expect(noisy.stderr).toHaveLength(16 * 1024);
});

test('a command that does not read its input is no failure', async () => {
  const { code } = await open().output(sh('exit 0'), never, { ...options, input: Buffer.alloc(1_000_000) });
  expect(code).toBe(0);
});

test('a command that ends before its input does is not waited for', async () => {
  const process = await open().start(sh('head -c 1 >&2'), never);
  process.stdout.resume();
  async function* input(): AsyncGenerator<string> {
    yield 'x';
    await process.ended;
  }
  // Whether that failed or not: it must not go on for ever.
  await pipeline(input(), process.stdin).catch(() => undefined);
  expect(await process.ended).toEqual({ code: 0, stderr: 'x' });
});

test('a program that is not there is missing', async () => {
  const command = { program: 'no-such-program', args: [], env: { PATH: path }, cwd: '/' };
  expect(await failure(open().output(command, never, options), 'config')).toBe(
    'no-such-program is not installed, or not found in PATH',
  );
  await failure(open().output({ ...command, cwd: '/no/such/folder' }, never, options), 'internal');
});

test('an abort ends a command and all that it started', async () => {
  const stop = new AbortController();
  const process = await open().start(sh('sleep 100 & sleep 100 | sleep 100 & echo $$; wait'), stop.signal);
  const [pid] = (await once(process.stdout, 'data')) as [Buffer];
  const group = Number(pid.toString());
  expect((await membersOf(group)).length).toBeGreaterThanOrEqual(4);
  stop.abort();
  const { code, stopped } = await process.ended;
  expect(code).toBe(null);
  expect(stopped).toMatchObject({ kind: 'canceled' });
  expect(await membersOf(group)).toEqual([]);
});

test('what a command leaves running ends with it', async () => {
  const { stdout } = await open().output(sh('sleep 100 >/dev/null 2>&1 & echo $$'), never, options);
  await expect.poll(() => membersOf(Number(stdout.toString()))).toEqual([]);
});

test('a command that was aborted before it began never begins', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-test-run-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await failure(
    open().output(sh('touch "$1"', join(folder, 'file')), AbortSignal.abort(), options),
    'canceled',
  );
  expect(await readdir(folder)).toEqual([]);
});

test('a command that takes too long is ended', async () => {
  const command = sh('sleep 100');
  expect(await failure(open().output(command, never, { ...options, timeoutMs: 50 }), 'timeout')).toBe(
    'sh -c: not done within 0 s',
  );
});

test('a command that says too much is ended', async () => {
  const endless = sh('while :; do echo 0123456789; done');
  await failure(open().output(endless, never, { ...options, maxBytes: 100_000 }), 'integrity');
});

test('a command whose output nobody reads can be stopped', async () => {
  const process = await open().start(sh('while :; do echo 0123456789; done'), never);
  await once(process.stdout, 'readable');
  process.stop(new StoaError('upstream', 'enough'));
  process.stop(new StoaError('timeout', 'later'));
  expect((await process.ended).stopped).toMatchObject({ message: 'enough' });
});

test('a command has no more memory than the limit', async () => {
  const command = {
    program: 'sh',
    args: ['-c', 'x=$(head -c 200000000 /dev/zero | tr "\\0" a); echo "$x" | wc -c'],
    env: { PATH: path },
    cwd: '/',
  };
  const { code } = await open({ memoryBytes: 100_000_000 }).output(command, never, options);
  expect(code).not.toBe(0);
  expect((await open().output(sh('ulimit -v'), never, options)).stdout.toString()).toBe(
    `${limits.memoryBytes / 1024}\n`,
  );
});

test('a command writes no larger files than the limit', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-test-run-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'large');
  await writeFile(file, '');
  await open({ fileBytes: 1_000_000 }).output(sh('head -c 50000000 /dev/zero >"$1"', file), never, options);
  expect((await stat(file)).size).toBeLessThanOrEqual(2_000_000);
});

test('so many commands run at once, and the others wait their turn', async () => {
  const run = open({ processes: 2 });
  let most = 0;
  const work = Array.from({ length: 8 }, async () => {
    const process = await run.start(sh('read line; echo "$line"'), never);
    most = Math.max(most, run.running);
    process.stdin.end('done\n');
    expect(await text(process.stdout)).toBe('done\n');
    await process.ended;
  });
  await Promise.all(work);
  expect(most).toBe(2);
  expect(run.running).toBe(0);
});

test('waiting for a place is bounded by number and time, and ends on abort', async () => {
  const run = open({ processes: 1, waiting: 2, waitMs: 100 });
  const stop = new AbortController();
  const process = await run.start(sh('read line'), never);
  const late = failure(run.start(sh(':'), never), 'overloaded');
  const left = failure(run.start(sh(':'), stop.signal), 'canceled');
  expect(await failure(run.start(sh(':'), never), 'overloaded')).toContain('1 processes run already');
  stop.abort();
  await left;
  await late;
  process.stdin.end();
  await process.ended;
  expect((await run.output(sh('echo free'), never, options)).stdout.toString()).toBe('free\n');
});

test('all that runs ends when it is closed, and commands are run again after', async () => {
  const run = open();
  const process = await run.start(sh('sleep 100 & echo $$; wait'), never);
  const [pid] = (await once(process.stdout, 'data')) as [Buffer];
  await run.close();
  expect((await process.ended).code).toBe(null);
  await expect.poll(() => membersOf(Number(pid.toString()))).toEqual([]);
  expect(run.running).toBe(0);
  expect((await run.output(sh('echo again'), never, options)).stdout.toString()).toBe('again\n');
});

test('a command ends with the process that started it, and the next is started by another', async () => {
  const run = open();
  const process = await run.start(sh('sleep 100 & echo $$; wait'), never);
  const [pid] = (await once(process.stdout, 'data')) as [Buffer];
  const parent = /^PPid:\t(\d+)$/m.exec(await readFile(`/proc/${pid.toString().trim()}/status`, 'utf8'))![1];
  kill(Number(parent), 'SIGKILL');
  expect((await process.ended).code).toBe(null);
  await expect.poll(() => membersOf(Number(pid.toString()))).toEqual([]);
  expect((await run.output(sh('echo again'), never, options)).stdout.toString()).toBe('again\n');
});

test('a command is started as fast by a process that holds much in memory', async () => {
  const run = open();
  const held = Buffer.alloc(400_000_000, 1);
  await run.output(sh(':'), never, options);
  const stalls: number[] = [];
  let last = performance.now();
  const watch = setInterval(() => {
    stalls.push(performance.now() - last);
    last = performance.now();
  }, 1);
  for (let i = 0; i < 10; i++) await run.output(sh(':'), never, options);
  clearInterval(watch);
  expect(held[0]).toBe(1);
  // Half of them at least: others use this machine too.
  expect(stalls.sort((a, b) => a - b)[Math.floor(stalls.length * 0.9)]).toBeLessThan(10);
});

test('programs that were running end with the process that wanted them', async () => {
  const script = `
    import { createRun } from ${JSON.stringify(new URL('../../src/vcs/run.ts', import.meta.url).href)};
    const run = createRun(${JSON.stringify(limits)});
    const command = { program: 'sh', args: ['-c', 'sleep 100 & echo $$; wait'], env: { PATH: process.env.PATH }, cwd: '/' };
    const started = await run.start(command, new AbortController().signal);
    for await (const line of started.stdout) process.stdout.write(line);`;
  const child = spawn(execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = (await once(child.stdout, 'data')) as [Buffer];
  expect(await membersOf(Number(pid.toString()))).toHaveLength(2);
  child.kill('SIGKILL');
  await once(child, 'close');
  await expect.poll(() => membersOf(Number(pid.toString()))).toEqual([]);
});

test('a process that wants nothing more can end, without closing anything', async () => {
  const script = `
    import { createRun } from ${JSON.stringify(new URL('../../src/vcs/run.ts', import.meta.url).href)};
    const run = createRun(${JSON.stringify(limits)});
    const command = { program: 'echo', args: ['done'], env: { PATH: process.env.PATH }, cwd: '/' };
    const { stdout } = await run.output(command, new AbortController().signal, { timeoutMs: 9000, maxBytes: 99 });
    process.stdout.write(stdout);`;
  const child = spawn(execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  expect(await text(child.stdout)).toBe('done\n');
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
});
