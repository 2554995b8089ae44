import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogSink } from '../../src/observe/sink.ts';

const observe = join(import.meta.dirname, '../../src/observe');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-sink-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a log sink', () => {
  test('writes lines in the order they came, whether they may be dropped or not', async () => {
    const file = join(folder, 'log');
    const sink = openLogSink(openSync(file, 'w'), { chunk: 100 });
    const lines = Array.from({ length: 1000 }, (_, number) => `line ${number} ü\n`);
    for (const [number, line] of lines.entries()) expect(sink.write(line, number % 2 === 0)).toBe(true);
    await sink.flush();
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''));
    sink.close();
  });

  test('writes a lone line after its delay, without being asked', async () => {
    const pipe = openPipe();
    const sink = openLogSink(pipe.writer, { delay: 1 });
    sink.write('alone\n', true);
    expect(await pipe.read(6)).toBe('alone\n');
    sink.close();
  });

  test('flushes at once when there is nothing to write', async () => {
    const sink = openLogSink(openSync(join(folder, 'log'), 'w'));
    await sink.flush();
    sink.close();
  });

  test.each([
    ['a write that waits in the kernel', 0],
    ['a write that is tried again', constants.O_NONBLOCK],
  ])(
    'refuses lines when its reader is stuck, the droppable ones first, and goes on when it reads again: %s',
    async (_, flags) => {
      const pipe = openPipe(flags);
      const sink = openLogSink(pipe.writer, { chunk: 1000, maxWaiting: 100_000, delay: 1 });
      const line = `${'x'.repeat(9999)}\n`;
      let taken = 0;
      // The pipe holds 64 KiB that nobody reads: what is beyond them waits here.
      expect(sink.write('short\n', true)).toBe(true);
      expect(sink.write('y'.repeat(100_000), false)).toBe(true);
      while (sink.write(line, true)) taken++;
      expect(taken).toBe(10);
      while (sink.write(line, false)) taken++;
      expect(taken).toBe(20);

      const flushed = sink.flush();
      const text = await pipe.read(6 + 100_000 + 20 * 10_000);
      await flushed;
      expect(text).toBe(`short\n${'y'.repeat(100_000)}${line.repeat(20)}`);
      expect(sink.write('again\n', true)).toBe(true);
      sink.close();
      expect(await pipe.read(6)).toBe('again\n');
    },
  );

  test('gives up for good when nobody will ever read: a broken pipe', async () => {
    const pipe = openPipe();
    const sink = openLogSink(pipe.writer);
    closeSync(pipe.reader);
    sink.write('lost\n', true);
    await sink.flush();
    expect(sink.write('refused\n', false)).toBe(false);
    await sink.flush();
    sink.close();
  });

  test('keeps what a full disk refuses, within its bounds', async () => {
    const sink = openLogSink(openSync('/dev/full', 'w'), { maxWaiting: 100, delay: 1 });
    expect(sink.write('first\n', true)).toBe(true);
    await sink.flush();
    // The first line is still tried; this is what may wait behind it.
    expect(sink.write('x'.repeat(100), true)).toBe(true);
    expect(sink.write('x', true)).toBe(false);
    sink.close();
    expect(sink.write('late', false)).toBe(false);
  });
});

describe('when the process ends', () => {
  test.each([
    ['by process.exit', 'process.exit(0);'],
    ['because nothing is left to do', ''],
    ['by an error', 'throw new Error("fatal");'],
  ])('%s, every line is written', (_, end) => {
    const { stdout } = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { createLog } from ${JSON.stringify(join(observe, 'log.ts'))};
         const log = createLog({ level: 'info', format: 'plain', service: 'stoa' });
         for (let number = 0; number < 2000; number++) log.info('line', { number });
         ${end}`,
      ],
      { encoding: 'utf8', maxBuffer: 1e8 },
    );
    const numbers = stdout.split('\n').map((line) => /number=(\d+)$/.exec(line)?.[1]);
    expect(numbers).toEqual([...Array(2000).keys()].map(String).concat(undefined as never));
  });
});

/** A pipe with both ends here; the reader reads only when told to. */
function openPipe(flags = 0) {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | flags);
  async function read(size: number): Promise<string> {
    const buffer = Buffer.alloc(size);
    for (let length = 0; length < size; ) {
      try {
        length += readSync(reader, buffer, length, size - length, null);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return buffer.toString();
  }
  return { reader, writer, read };
}
