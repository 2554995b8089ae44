import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ProcessMark, type ProcessTable, readProcesses } from '../../src/storage/processes.ts';
import { openTempFolder } from '../../src/storage/temp-folder.ts';
import { openFolder } from '../conformance/store-kit.ts';
import { watchFiles } from './disk-kit.ts';

describe('a folder for unfinished files', () => {
  const hour = 60 * 60 * 1000;
  const self: ProcessMark = { place: 'aaaaaaaaaaaa', pid: 10, start: '100' };
  const running: ProcessMark = { place: 'aaaaaaaaaaaa', pid: 11, start: '200' };
  const processes: ProcessTable = {
    self,
    async state(mark) {
      if (mark.place !== self.place) return 'unknown';
      return [self, running].some(({ pid, start }) => pid === mark.pid && start === mark.start)
        ? 'running'
        : 'ended';
    },
  };
  let folder: Awaited<ReturnType<typeof openFolder>>;
  beforeEach(async () => {
    folder = await openFolder();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  test.for([
    ['its own process, which may have opened it twice', 'aaaaaaaaaaaa-10-100-00000000-1', 9 * hour, true],
    ['another process that runs, however old', 'aaaaaaaaaaaa-11-200-00000000-1', 9 * hour, true],
    ['a process that has ended, however new', 'aaaaaaaaaaaa-12-300-00000000-1', 0, false],
    ['one that has ended, whose number another has now', 'aaaaaaaaaaaa-11-199-00000000-1', 0, false],
    ['another machine or container, just written', 'bbbbbbbbbbbb-11-200-00000000-1', 0, true],
    [
      'another machine or container, written less than an hour ago',
      'bbbbbbbbbbbb-11-200-00000000-1',
      hour - 1000,
      true,
    ],
    ['another machine or container, idle for an hour', 'bbbbbbbbbbbb-11-200-00000000-1', hour + 1000, false],
    ['nobody we know, just written', 'upload.part', 0, true],
    ['nobody we know, idle for an hour', 'upload.part', hour + 1000, false],
  ] as const)('opened, holds or not what is of %s', async ([, name, age, stays]) => {
    const path = join(folder.path, name);
    const now = Date.now();
    await writeFile(path, 'x');
    await utimes(path, now / 1000, (now - age) / 1000);
    await openTempFolder({ folder: folder.path, processes, now: () => now });
    expect(await readdir(folder.path)).toEqual(stays ? [name] : []);
  });

  test('is made, and gives names that are all different and tell whose they are', async () => {
    const path = join(folder.path, 'new');
    const temps = [
      await openTempFolder({ folder: path, processes }),
      await openTempFolder({ folder: path, processes }),
    ];
    const names = temps.flatMap((temp) => [temp.path(), temp.path(), temp.path()]);
    expect(new Set(names).size).toBe(6);
    for (const name of names) expect(basename(name)).toMatch(/^aaaaaaaaaaaa-10-100-[0-9a-f]{8}-\d$/);
    expect(await readdir(path)).toEqual([]);
  });

  test('is opened although a left-over cannot be removed, or was removed by another at that moment', async () => {
    await writeFile(join(folder.path, 'aaaaaaaaaaaa-12-300-00000000-1'), 'x');
    for (const code of ['EROFS', 'ENOENT']) {
      const { files } = watchFiles(({ operation }) => (operation === 'unlink' ? code : undefined));
      await openTempFolder({ folder: folder.path, processes, files });
    }
    await openTempFolder({ folder: folder.path, processes });
    expect(await readdir(folder.path)).toEqual([]);
  });
});

describe('the processes of this system', () => {
  test('tell which run, which have ended, and which they cannot know', async () => {
    const { self, state } = await readProcesses();
    expect(self).toMatchObject({ pid: process.pid, place: expect.stringMatching(/^[0-9a-f]{12}$/) });
    expect(await state({ ...self, place: '000000000000' })).toBe('unknown');
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const exit = once(child, 'exit');
    await once(child, 'spawn');
    const known = self.start !== '0';
    expect(await state(self)).toBe(known ? 'running' : 'unknown');
    // It runs, but since another time than the mark says: the number was given again.
    expect(await state({ ...self, pid: child.pid!, start: '1' })).toBe(known ? 'ended' : 'unknown');
    child.kill('SIGKILL');
    await exit;
    expect(await state({ ...self, pid: child.pid!, start: '1' })).toBe('ended');
  });
});
