import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { createGate } from '../../src/fetch/gate.ts';
import { createTurns } from '../../src/fetch/turns.ts';
import { createUpstream } from '../../src/fetch/upstream.ts';
import type { HttpClient } from '../../src/net/client.ts';
import type { Metrics } from '../../src/observe/metrics.ts';
import type { Ask } from '../../src/stash/modules.ts';
import type { Proof } from '../../src/stash/proof.ts';
import { createStash, type Stash } from '../../src/stash/stash.ts';
import { createVerifier } from '../../src/stash/verifier.ts';
import { checked } from '../../src/storage/checked.ts';
import { openDiskStore } from '../../src/storage/disk.ts';
import { createPoolGate } from '../../src/storage/pool-gate.ts';
import { openTempFolder } from '../../src/storage/temp-folder.ts';
import { quietLog, quietRecorder } from '../fakes/quiet.ts';

/** The stash over a disk store, put together as app.ts does, without a server around it: it starts in a quarter of the time. */
export interface SmallHouse extends AsyncDisposable {
  readonly stash: Stash;
}

/** Nobody vouches for anything. */
export const noProof: Proof = { ask: async () => ({}), recall: async () => undefined };

export async function openSmallHouse(root: string, upstream: string): Promise<SmallHouse> {
  const pool = createPoolGate();
  const turns = createTurns();
  const store = checked(await openDiskStore({ root, gate: pool }));
  const { path: scratch } = await openTempFolder({ folder: join(root, '.tmp') });
  const verifier = createVerifier({ threads: 1 });
  const client = openPlainClient();
  const lane = { running: 16, queued: 100, waitMs: 10_000 };
  const life = new AbortController();
  const stash = createStash({
    store,
    fetcher: createUpstream({
      url: upstream,
      client,
      turns,
      gate: createGate({ zip: lane, file: lane }),
      metrics: noMetrics,
      log: quietLog,
      instanceId: 'small-house',
    }),
    proof: noProof,
    verifier,
    pool,
    turns,
    log: quietLog,
    recorder: quietRecorder,
    scratch,
    life: life.signal,
    limits: {
      memoryBytes: 8 * 2 ** 20,
      memoryFileBytes: 64 * 2 ** 10,
      maxZipBytes: 2 ** 30,
      maxModBytes: 2 ** 20,
      downloadMs: 60_000,
      questionMs: 60_000,
      refusedMs: 60_000,
    },
    freshness: { freshMs: 60_000, absentMs: 60_000, revalidateMs: 60_000, patienceMs: 5_000, coolMs: 0 },
  });
  return {
    stash,
    async [Symbol.asyncDispose]() {
      await stash.settled();
      life.abort();
      await Promise.all([client.close(), verifier.close()]);
    },
  };
}

/** What a client asks with whose connection can be cut. */
export function ask(): Ask {
  return { asker: { address: '127.0.0.1' }, signal: new AbortController().signal, mayStream: true };
}

/** As much of a client as a source on loopback needs; loading the real one takes longer than all the rest. */
function openPlainClient(): HttpClient {
  const agent = new Agent({ keepAlive: true });
  return {
    get: (url, { signal, headers = {} }) =>
      new Promise((resolve, reject) => {
        get(url, { agent, signal, headers }, (body) => {
          const length = body.headers['content-length'];
          const size = length === undefined ? {} : { size: Number(length) };
          resolve({ status: body.statusCode!, headers: body.headers, ...size, body, url });
        }).on('error', reject);
      }),
    close: async () => agent.destroy(),
  };
}

const nothing = (): void => undefined;

const noMetrics: Metrics = {
  request: nothing,
  upstream: nothing,
  event: nothing,
  vcs: { process: nothing, request: nothing, removed: nothing },
  gauge: nothing,
  counter: nothing,
  render: async () => ({ contentType: 'text/plain', text: '' }),
};
