import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { type AccessEntry, createLog, type Log, type LogLevel } from '../../src/observe/log.ts';
import { type Schema, schemaErrors } from './json-schema.ts';

const schema = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../docs/log.schema.json'), 'utf8'),
) as Schema;

const processTrace = '0123456789abcdef0123456789abcdef';
const requestTrace = 'fedcba9876543210fedcba9876543210';

const hit: AccessEntry = {
  traceId: requestTrace,
  method: 'GET',
  target: '/example.com/m/@v/v1.2.3.zip',
  kind: 'zip',
  module: 'example.com/m',
  version: 'v1.2.3',
  status: 200,
  bytes: 257_000,
  durationMs: 0.3125,
  address: '127.0.0.1',
  outcome: 'hit',
};

describe('a log line', () => {
  test('says when, how grave, who, in which trace, what, and then the fields', () => {
    const { log, lines } = memoryLog();
    log.info('listening', { address: '127.0.0.1:3000', workers: 2, tls: false });
    expect(lines[0]).toBe(
      `{"level":"INFO","timestamp":"2026-11-22T18:00:00.007Z","service":"stoa","trace_id":"${processTrace}","message":"listening","address":"127.0.0.1:3000","workers":2,"tls":false}\n`,
    );
  });

  test('carries the trace of its request where one is given', () => {
    const { log, records } = memoryLog();
    log.warn('source is down', { trace_id: requestTrace });
    expect(records()).toMatchObject([{ trace_id: requestTrace, message: 'source is down' }]);
  });

  test('leaves out fields that are undefined', () => {
    const { log, records } = memoryLog();
    log.info('swept', { user: undefined, files: 3 });
    expect(records()[0]).not.toHaveProperty('user');
  });

  test('has the same trace_id on all lines of a process, and another one in the next', () => {
    const one = memoryLog({ traceId: undefined });
    one.log.info('first');
    one.log.info('second');
    const other = memoryLog({ traceId: undefined });
    other.log.info('first');
    const [first, second] = one.records();
    expect(first?.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(second?.trace_id).toBe(first?.trace_id);
    expect(other.records()[0]?.trace_id).not.toBe(first?.trace_id);
  });

  test.each([
    ['debug', ['DEBUG', 'INFO', 'WARN', 'ERROR']],
    ['info', ['INFO', 'WARN', 'ERROR']],
    ['warn', ['WARN', 'ERROR']],
    ['error', ['ERROR']],
  ] as const)('is written from its level on: %s', (level, expected) => {
    const { log, records } = memoryLog({ level });
    log.debug('one');
    log.info('two');
    log.warn('three');
    log.error('four');
    expect(records().map((record) => record.level)).toEqual(expected);
  });
});

describe('an error in a log line', () => {
  test('has its message, its stack and those of its causes', () => {
    const { log, records } = memoryLog();
    const cause = new Error('connection refused');
    log.error('a request failed', {
      error: new StoaError('upstream', 'example.com/m: no answer', { cause }),
    });
    const { error } = records()[0]!;
    expect(error).toMatch(/^StoaError: example\.com\/m: no answer\n +at /);
    expect(error).toMatch(/\ncaused by: Error: connection refused\n +at /);
  });

  test('names the parts of an AggregateError, whose own message is empty when no address could be dialled', () => {
    const { log, records } = memoryLog();
    log.error('no', {
      error: new AggregateError([new Error('ECONNREFUSED ::1'), new Error('ECONNREFUSED 127.0.0.1')]),
    });
    expect(records()[0]?.error).toMatch(
      /one of: Error: ECONNREFUSED ::1[\s\S]*one of: Error: ECONNREFUSED 127/,
    );
  });

  test('shows nothing of it but message and stack: other properties may hold credentials', () => {
    const { log, lines } = memoryLog();
    log.error('no', { error: Object.assign(new Error('refused'), { headers: { authorization: 'secret' } }) });
    expect(lines.join('')).not.toContain('secret');
  });

  test('ends although it is its own cause', () => {
    const { log, records } = memoryLog();
    const error = new Error('loop');
    error.cause = error;
    log.error('no', { error });
    expect(String(records()[0]?.error).match(/Error: loop/g)).toHaveLength(1);
  });

  test.each([
    ['a text', 'plain text', 'plain text'],
    ['an object that is no error', { code: 7 }, '{ code: 7 }'],
    ['null', null, 'null'],
  ])('may be whatever was thrown: %s', (_, error, expected) => {
    const { log, records } = memoryLog();
    log.error('no', { error });
    expect(records()[0]?.error).toBe(expected);
  });

  test('is cut at 16,384 characters', () => {
    const { log, records } = memoryLog();
    log.error('no', { error: new Error('x'.repeat(50_000)) });
    expect(records()[0]?.error).toHaveLength(16_384);
  });
});

describe('an access line', () => {
  test('says who asked for what and what came of it', () => {
    const { log, records } = memoryLog();
    log.access({ ...hit, user: 'ci', source: 'https://goproxy.io', outcome: 'miss' });
    expect(records()).toEqual([
      {
        timestamp: '2026-11-22T18:00:00.007Z',
        level: 'INFO',
        service: 'stoa',
        trace_id: requestTrace,
        message: 'request',
        method: 'GET',
        kind: 'zip',
        module: 'example.com/m',
        version: 'v1.2.3',
        status: 200,
        bytes: 257_000,
        duration_ms: 0.313,
        outcome: 'miss',
        source: 'https://goproxy.io',
        address: '127.0.0.1',
        user: 'ci',
      },
    ]);
  });

  test('names the path, cut to 512 characters, only where there is no module', () => {
    const { log, records } = memoryLog();
    const { module: _, version: __, ...route } = hit;
    log.access({ ...route, kind: 'home', target: `/${'a'.repeat(8000)}` });
    log.access(hit);
    const [home, zip] = records();
    expect(home?.target).toBe(`/${'a'.repeat(510)}…`);
    expect(home).not.toHaveProperty('module');
    expect(zip).not.toHaveProperty('target');
  });

  test.each([
    ['notFound', 'INFO', 'a fact, not a fault'],
    ['canceled', 'INFO', 'its kind is DEBUG, but a finished request is worth INFO'],
    ['upstream', 'WARN', 'the level of its kind'],
    ['integrity', 'ERROR', 'the level of its kind'],
  ] as const)('of a failure %s has the level %s: %s', (errorKind, level, _why) => {
    const { log, records } = memoryLog();
    log.access({ ...hit, errorKind, error: 'example.com/m@v1.2.3: no' });
    expect(records()).toMatchObject([{ level, error_kind: errorKind, error: 'example.com/m@v1.2.3: no' }]);
  });

  test('is left out below the level, its failures are not', () => {
    const { log, records } = memoryLog({ level: 'warn' });
    log.access(hit);
    log.access({ ...hit, errorKind: 'notFound' });
    log.access({ ...hit, errorKind: 'timeout' });
    expect(records()).toMatchObject([{ error_kind: 'timeout' }]);
  });

  test.each([
    [0, '0'],
    [0.0004, '0'],
    [0.05, '0.05'],
    [0.005, '0.005'],
    [12, '12'],
    [1.9996, '2'],
    [86_400_000.25, '86400000.25'],
  ])('writes a duration of %d ms as %s, never with an exponent', (durationMs, expected) => {
    const { log, lines } = memoryLog();
    log.access({ ...hit, durationMs });
    expect(JSON.parse(lines[0]!).duration_ms).toBe(Number(expected));
    expect(lines[0]).not.toMatch(/"duration_ms":[^,]*e/);
  });

  test('is told about when it was dropped: once, with the number', () => {
    const { log, records, reader } = memoryLog();
    log.access(hit);
    reader.stuck = true;
    log.access(hit);
    log.access(hit);
    reader.stuck = false;
    log.access(hit);
    log.access(hit);
    expect(records().map(({ message, dropped }) => [message, dropped])).toEqual([
      ['request', undefined],
      ['request', undefined],
      ['access lines were dropped: the reader of the log was too slow', 2],
      ['request', undefined],
    ]);
  });
});

describe('every line', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 60 });
  const anyFields = fc.dictionary(
    fc
      .stringMatching(/^[a-z]{3,10}$/)
      .filter((name) => !['error', 'level', 'service', 'message'].includes(name)),
    fc.oneof(
      anyText,
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.boolean(),
    ),
  );
  const anyEntry: fc.Arbitrary<AccessEntry> = fc.record(
    {
      traceId: fc.constant(requestTrace),
      method: fc.constantFrom('GET', 'HEAD', 'M-SEARCH'),
      target: anyText,
      kind: fc.constantFrom('list', 'zip', 'metrics'),
      module: anyText.filter((text) => text !== ''),
      version: anyText,
      status: fc.integer({ min: 100, max: 599 }),
      bytes: fc.nat(),
      durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
      address: anyText,
      user: anyText,
      outcome: fc.constantFrom('hit', 'miss', 'stale'),
      source: anyText,
      errorKind: fc.constantFrom('notFound', 'integrity', 'timeout'),
      error: fc.string({ unit: 'binary', maxLength: 3000 }),
    },
    { requiredKeys: ['traceId', 'method', 'target', 'kind', 'status', 'bytes', 'durationMs', 'address'] },
  );

  test('is one JSON object that the schema in docs/ holds for, and keeps what it was given', () => {
    fc.assert(
      fc.property(anyText, anyFields, anyEntry, (text, fields, entry) => {
        const { log, lines, records } = memoryLog();
        for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](`said: ${text}`, fields);
        log.error('failed', { ...fields, error: new Error(text) });
        log.access(entry);
        expect(lines).toHaveLength(6);
        for (const line of lines) expect(line).toMatch(/^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\n$/);
        for (const record of records()) expect(schemaErrors(schema, record)).toEqual([]);
        expect(records()[0]).toMatchObject({ ...fields, message: `said: ${text}` });
        if (entry.module !== undefined) expect(records()[5]?.module).toBe(entry.module);
      }),
    );
  });

  test('would be refused by the schema if it lacked or broke a field', () => {
    const { log, records } = memoryLog();
    log.access(hit);
    const good = records()[0]!;
    const { trace_id: _, ...untraced } = good;
    for (const [bad, why] of [
      [untraced, '$ has no trace_id'],
      [{ ...good, level: 'DEBUG' }, '$.level is not one of INFO,WARN,ERROR'],
      [{ ...good, status: '200' }, '$.status is not of type integer'],
      [{ ...good, file: 'zip' }, '$.file is not allowed'],
      [{ ...good, timestamp: '2026-11-22 18:00:00' }, '$.timestamp does not match'],
      [{ ...good, trace_id: '0'.repeat(32) }, '$.trace_id does not match'],
    ] as const)
      expect(schemaErrors(schema, bad).join()).toContain(why);
  });
});

describe('the plain format', () => {
  test('is made for people: level, time, message, then what differs from line to line', () => {
    const { log, lines } = memoryLog({ format: 'plain' });
    log.info('listening', { address: '127.0.0.1:3000', note: 'two words', empty: '', workers: 2 });
    log.access(hit);
    expect(lines).toEqual([
      'INFO[2026-11-22T18:00:00.007Z]: listening address=127.0.0.1:3000 note="two words" empty="" workers=2\n',
      'INFO[2026-11-22T18:00:00.007Z]: request method=GET kind=zip module=example.com/m version=v1.2.3 status=200 bytes=257000 duration_ms=0.313 outcome=hit address=127.0.0.1\n',
    ]);
  });

  test('is one line too, whatever a client sends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { log, lines } = memoryLog({ format: 'plain' });
        log.info(text, { field: text });
        log.access({ ...hit, module: text });
        for (const line of lines) expect(line).toMatch(/^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\n$/);
      }),
    );
  });
});

interface MemoryLogOptions {
  readonly level?: LogLevel;
  readonly format?: 'json' | 'plain';
  readonly traceId?: string | undefined;
}

/** A log whose lines are kept; its reader can be stuck, which only droppable lines feel. */
function memoryLog({ level = 'debug', format = 'json', ...rest }: MemoryLogOptions = {}) {
  const lines: string[] = [];
  const reader = { stuck: false };
  const traceId = 'traceId' in rest ? rest.traceId : processTrace;
  const log: Log = createLog({
    level,
    format,
    service: 'stoa',
    ...(traceId === undefined ? {} : { traceId }),
    now: () => Date.UTC(2026, 10, 22, 18, 0, 0, 7),
    sink: {
      write(line, droppable) {
        if (reader.stuck && droppable) return false;
        lines.push(line);
        return true;
      },
      flush: () => Promise.resolve(),
      close: () => {},
    },
  });
  const records = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, lines, records, reader };
}
