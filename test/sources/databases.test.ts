import { expect, onTestFinished, test } from 'vitest';
import { createGate } from '../../src/fetch/gate.ts';
import { createTurns } from '../../src/fetch/turns.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { openSources } from '../../src/sources/sources.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { Databases } from '../../src/sumdb/databases.ts';
import { load } from '../config/machine.ts';
import { startSumdb, sumsOf } from '../fakes/sumdb.ts';
import { calm } from '../sumdb/bed.ts';

const hello = { path: 'example.com/hello', version: 'v1.0.0' };

async function databasesOf(env: Record<string, string>): Promise<Databases> {
  const { settings } = load({ env });
  const limits = { running: 10, queued: 10, waitMs: 1000 };
  const sources = await openSources(settings, {
    gate: createGate({ zip: limits, file: limits }),
    turns: createTurns(),
    metrics: createMetrics({ version: '0' }),
    log: { debug() {}, info() {}, warn() {}, error() {}, access() {}, async flush() {} },
    instanceId: 'this-server',
    version: '0',
  });
  onTestFinished(() => sources.close());
  return sources.databases(createMemoryStore());
}

test('a database is reached through the upstream of the settings, which is told where the request came from', async () => {
  await using fake = await startSumdb({ modules: [hello] });
  const databases = await databasesOf({ STOA_UPSTREAM: fake.url, STOA_SUMDB: fake.verifierKey });
  expect(await databases.choose(hello.path)!.lookup(hello, calm())).toEqual(
    sumsOf('example.com/hello@v1.0.0'),
  );
  expect(fake.requests[0]).toBe('supported');
  expect(new Set(fake.headers.map((headers) => headers['stoa-via']))).toEqual(new Set(['this-server']));
});

test('a database with an address of its own may be in the house', async () => {
  await using fake = await startSumdb({ modules: [hello] });
  const sumdb = `example.com=${fake.verifierKey} ${fake.url};off`;
  const databases = await databasesOf({ STOA_UPSTREAM: 'off', STOA_SUMDB: sumdb });
  expect(await databases.choose(hello.path)!.lookup(hello, calm())).toEqual(
    sumsOf('example.com/hello@v1.0.0'),
  );
  expect(fake.requests).not.toContain('supported');
  expect(databases.choose('example.org/hello')).toBeUndefined();
});

test('what is private is told to no database', async () => {
  const databases = await databasesOf({ STOA_PRIVATE: 'git.example.com', STOA_NO_SUMDB: 'open.example.com' });
  expect(databases.names).toEqual(['sum.golang.org']);
  const chosen = ['git.example.com/a', 'open.example.com/a', 'example.com/a'].map(
    (path) => databases.choose(path)?.name,
  );
  expect(chosen).toEqual([undefined, undefined, 'sum.golang.org']);
});
