import { describe, expect, onTestFinished, test } from 'vitest';
import { parseRouteList } from '../../src/fetch/route-list.ts';
import { type FakeSumdb, startSumdb } from '../fakes/sumdb.ts';
import { calm, openRemote } from './bed.ts';

const question = { target: 'latest', subject: 'the database', maxBytes: 10_000 };

/** Upstreams in a row, each of which has the database behind it; what its `/supported` says where that is not 200. */
async function openChain(statuses: readonly number[]): Promise<FakeSumdb[]> {
  return Promise.all(
    statuses.map(async (status) => {
      const fake = await startSumdb();
      onTestFinished(() => fake.stop());
      if (status !== 200) fake.lie({ tells: 'status', status, target: /^supported$/ });
      return fake;
    }),
  );
}

function remoteOf(
  chain: readonly FakeSumdb[],
  list: string,
  more: Parameters<typeof openRemote>[0] | object = {},
) {
  const urls = chain.reduce((text, { url }, i) => text.replace(`$${i}`, url), list);
  return openRemote({ name: 'sum.example.com', entries: parseRouteList(urls).entries, ...more });
}

/** Who was asked for what in the end; the database's own address leads nowhere here. */
async function asked(statuses: readonly number[], list: string): Promise<string[]> {
  const chain = await openChain(statuses);
  const remote = remoteOf(chain, list);
  const said = await remote.read(question, calm()).then(
    () => 'answered',
    (error: { kind: string; message: string }) => `${error.kind}: ${error.message.replace(/:\d+/g, '')}`,
  );
  return [...chain.map(({ requests }) => requests.join(' ')), said];
}

const direct = expect.stringMatching(/^upstream: sum\.example\.com/);

describe('the way to a database', () => {
  test.each<[string, number[], string, unknown[]]>([
    ['is the first upstream that passes it on', [200, 200], '$0,$1', ['supported latest', '', 'answered']],
    ['is the next where that does not', [404, 200], '$0,$1', ['supported', 'supported latest', 'answered']],
    ['is the next where that did once', [410, 200], '$0,$1', ['supported', 'supported latest', 'answered']],
    ['leads straight there in the end', [404, 410], '$0,$1', ['supported', 'supported', direct]],
    ['leads straight there at direct', [404, 200], '$0,direct', ['supported', '', direct]],
    [
      'ends at a failure before a comma',
      [500, 200],
      '$0,$1',
      ['supported', '', expect.stringMatching(/^upstream: .*500/)],
    ],
    ['goes on at a failure before a bar', [500, 200], '$0|$1', ['supported', 'supported latest', 'answered']],
    [
      'ends with a failure that nothing followed',
      [500, 404],
      '$0|$1',
      ['supported', 'supported', expect.stringMatching(/^upstream: .*500/)],
    ],
    ['leads straight there at direct behind a failure', [500, 200], '$0|direct', ['supported', '', direct]],
    [
      'ends where the list is off',
      [404, 200],
      '$0,off',
      ['supported', '', 'upstream: nothing is asked: the list of upstreams is off'],
    ],
  ])('%s', async (_, statuses, list, expected) => {
    expect(await asked(statuses, list)).toEqual(expected);
  });

  test('is never left again: what an upstream does not have then is not there', async () => {
    const chain = await openChain([200, 200]);
    const remote = remoteOf(chain, '$0|$1');
    const unknown = { ...question, target: 'lookup/example.com/m@v1.0.0' };
    await expect(remote.read(unknown, calm())).rejects.toMatchObject({ kind: 'notFound' });
    chain[0]!.lie({ tells: 'status', status: 500 });
    await expect(remote.read(question, calm())).rejects.toMatchObject({ kind: 'upstream' });
    expect(chain[1]!.requests).toEqual([]);
  });

  test('is looked for once in an hour', async () => {
    const [fake] = await openChain([200]);
    let now = 0;
    const remote = remoteOf([fake!], '$0', { now: () => now });
    await Promise.all([remote.read(question, calm()), remote.read(question, calm())]);
    now += 3_599_999;
    await remote.read(question, calm());
    expect(fake!.requests).toEqual(['supported', 'latest', 'latest', 'latest']);
    now += 1;
    await remote.read(question, calm());
    expect(fake!.requests.slice(4)).toEqual(['supported', 'latest']);
  });

  test('is the one of the settings where they name one', async () => {
    const [upstream, database] = await openChain([200, 200]);
    const remote = remoteOf([upstream!], '$0', { url: database!.url });
    await remote.read(question, calm());
    expect([upstream!.requests, database!.requests]).toEqual([[], ['latest']]);
  });

  test('tells each server where a request came through', async () => {
    const [fake] = await openChain([200]);
    const remote = remoteOf([fake!], '$0', { headers: (via?: string) => ({ 'stoa-via': `${via}, me` }) });
    await remote.read(question, calm(), 'them');
    expect(fake!.headers.map((headers) => headers['stoa-via'])).toEqual(['them, me', 'them, me']);
  });

  test('takes no more than was expected', async () => {
    const [fake] = await openChain([200]);
    const remote = remoteOf([fake!], '$0');
    await expect(remote.read({ ...question, maxBytes: 10 }, calm())).rejects.toMatchObject({
      kind: 'integrity',
    });
  });

  test('reports each request with how it ended', async () => {
    const [fake] = await openChain([200]);
    const reported: string[] = [];
    const remote = remoteOf([fake!], '$0', {
      metrics: { upstream: (_host: string, result: string) => reported.push(result) },
    });
    await remote.read(question, calm());
    await remote.read({ ...question, target: 'lookup/example.com/m@v1.0.0' }, calm()).catch(() => {});
    await fake!.stop();
    await remote.read(question, calm()).catch(() => {});
    expect(reported).toEqual(['ok', 'ok', 'absent', 'failed']);
  });
});
