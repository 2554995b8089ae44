import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { describeFailure, formatMs, isPassing } from '../../src/net/failure.ts';

const deadlines = { connectMs: 10_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 1_800_000 };

function failing(code: string): Error {
  return Object.assign(new Error('some detail with a secret'), { code });
}

describe('a failed connection', () => {
  test.each([
    ['ENOTFOUND', 'upstream', 'no such host', false],
    ['EAI_AGAIN', 'upstream', 'the name could not be looked up for now', true],
    ['EHOSTUNREACH', 'upstream', 'no route to the host', true],
    ['EMFILE', 'upstream', 'too many open files in this process', false],
    ['EPROTO', 'upstream', 'TLS handshake failed (EPROTO)', false],
    [
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'upstream',
      'TLS handshake failed (ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION)',
      false,
    ],
    ['ETIMEDOUT', 'timeout', 'no connection within 10 s', true],
    ['UND_ERR_INVALID_ARG', 'internal', 'the request could not be formed', false],
    ['UND_ERR_DESTROYED', 'canceled', 'the client was closed', false],
    ['ESOMETHING', 'upstream', 'the request failed (ESOMETHING)', false],
    ['', 'upstream', 'the request failed', false],
  ])('%s is %s: %s', (code, kind, reason, passing) => {
    const error = describeFailure(failing(code), 'goproxy.io', deadlines);
    expect(error).toMatchObject({ kind, message: `goproxy.io: ${reason}` });
    expect(isPassing(error)).toBe(passing);
  });

  test('that was described already stays as it is', () => {
    const error = new StoaError('upstream', 'proxy: connection refused', { cause: failing('ECONNREFUSED') });
    expect(describeFailure(error, 'goproxy.io', deadlines)).toBe(error);
    expect(isPassing(error)).toBe(true);
  });
});

test.each([
  [250, '250 ms'],
  [1_000, '1 s'],
  [90_000, '90 s'],
  [1_800_000, '30 min'],
])('%i milliseconds are %s', (ms, words) => {
  expect(formatMs(ms)).toBe(words);
});
