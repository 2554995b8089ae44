import { describe, expect, test } from 'vitest';
import { type Around, type Running, serve } from '../../src/cli/serve.ts';
import { StoaError } from '../../src/errors.ts';
import { createLog } from '../../src/observe/log.ts';
import type { LogSink } from '../../src/observe/sink.ts';
import { machineOf, type Said } from '../config/machine.ts';

/** A server that does nothing but stop when it is drained. */
function idleServer(): Running & { readonly drained: () => number } {
  const end = Promise.withResolvers<void>();
  let drains = 0;
  return {
    address: 'http://127.0.0.1:1',
    closed: end.promise,
    async drain() {
      drains++;
      end.resolve();
    },
    drained: () => drains,
  };
}

/** Runs `stoa serve` with signals that the test sends, and keeps its log. */
function run(said: Said, start: Around['start']) {
  const lines: string[] = [];
  const sink: LogSink = {
    write: (line) => Boolean(lines.push(line)),
    flush: async () => {},
    close: () => {},
  };
  const listening = Promise.withResolvers<(signal: string) => void>();
  const code = serve(
    { args: said.args ?? [], out: () => {}, err: () => {} },
    {
      machine: machineOf(said),
      start,
      onStop: listening.resolve,
      createLog: (options) => createLog({ ...options, sink }),
    },
  );
  return { code, signal: listening.promise, log: () => lines.map((line) => JSON.parse(line)) };
}

describe('stoa serve', () => {
  test('drains at the first signal, and is done when the server has stopped', async () => {
    const server = idleServer();
    const { code, signal, log } = run({}, async () => server);
    (await signal)('SIGTERM');
    expect(await code).toBe(0);
    expect(server.drained()).toBe(1);
    expect(log().map(({ level, message }) => [level, message])).toEqual([['INFO', 'SIGTERM: draining']]);
  });

  test('ends at once at the second signal', async () => {
    const { code, signal } = run({}, async () => ({ ...idleServer(), closed: new Promise(() => {}) }));
    const send = await signal;
    send('SIGINT');
    send('SIGINT');
    expect(await code).toBe(1);
  });

  test('gives the server its settings', async () => {
    const ports: number[] = [];
    const { code, signal } = run({ args: ['--port', '4000'] }, async ({ settings }) => {
      ports.push(settings.port);
      return idleServer();
    });
    (await signal)('SIGTERM');
    await code;
    expect(ports).toEqual([4000]);
  });

  test('tells wrong settings in its log, a line for each, and starts nothing', async () => {
    const said = { env: { STOA_PORT: 'x', STOA_PROT: '1', STOA_LOG_SERVICE: 'proxy' } };
    const { code, log } = run(said, () => Promise.reject(new Error('it was started')));
    expect(await code).toBe(2);
    expect(log()).toEqual(
      [
        'STOA_PROT: unknown variable; did you mean STOA_PORT?',
        'port: "x" from STOA_PORT is not a whole number from 0 to 65535',
      ].map((message) => ({
        level: 'ERROR',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        service: 'proxy',
        trace_id: expect.stringMatching(/^[\da-f]{32}$/),
        message,
      })),
    );
  });

  test('tells warnings and what has no effect, before the server starts', async () => {
    const { code, signal, log } = run(
      { env: { MODE: 'prod', ATHENS_GOGET_DIR: '/x' } },
      async (_, serverLog) => {
        serverLog.info('started');
        return idleServer();
      },
    );
    (await signal)('SIGTERM');
    await code;
    expect(log().map(({ level }) => level)).toEqual(['WARN', 'INFO', 'INFO', 'INFO']);
    expect(log()[2].message).toBe('started');
  });

  test.each([
    ['settings it finds wrong', new StoaError('config', 'cannot listen on :3000: address in use'), 2],
    ['anything else', new Error('out of luck'), 1],
  ])('says why the server did not start: %s', async (_, error, expected) => {
    const { code, log } = run({}, () => Promise.reject(error));
    expect(await code).toBe(expected);
    expect(log()).toEqual([expect.objectContaining({ level: 'ERROR', message: error.message })]);
  });

  test('fails when the server ends with an error', async () => {
    const closed = Promise.reject(new Error('the floor is gone'));
    const { code, log } = run({}, async () => ({ ...idleServer(), closed }));
    expect(await code).toBe(1);
    expect(log().at(-1)?.message).toBe('the floor is gone');
  });
});
