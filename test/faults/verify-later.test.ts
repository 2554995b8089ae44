import { expect, test } from 'vitest';
import { startStoa } from '../fakes/stoa.ts';
import { startSumdb } from '../fakes/sumdb.ts';
import { startUpstream } from '../fakes/upstream.ts';

const version = 'v1.0.0';
const good = 'example.com/good';
const bad = 'example.com/bad';

/** Asks again until the answer has that status. */
async function until(url: string, status: number): Promise<Response> {
  for (;;) {
    const answer = await fetch(url);
    if (answer.status === status) return answer;
    await answer.arrayBuffer();
  }
}

test('what was served while the database was away is held against it when it is back, after a restart too', async () => {
  await using upstream = await startUpstream({
    modules: [good, bad].map((path) => ({ path, versions: { [version]: {} } })),
  });
  await using database = await startSumdb();
  const { h1, modH1 } = upstream.fixture(good, version);
  database.add({ path: good, version }, { zip: h1, mod: modH1 });
  database.add({ path: bad, version });
  await database.stop();
  await using stoa = await startStoa({
    upstream: upstream.url,
    env: {
      STOA_SUMDB: `${database.verifierKey} ${database.url}`,
      STOA_SUMDB_UNREACHABLE: 'verify-later',
      STOA_NET_RETRIES: '0',
    },
  });
  for (const path of [good, bad])
    expect((await fetch(`${stoa.url}/${path}/@v/${version}.zip`)).status).toBe(200);
  await stoa.kill();
  await database.restart();
  await stoa.start();
  // Upstreams have nothing else, so that once it is taken away it is refused.
  const refused = await until(`${stoa.url}/${bad}/@v/${version}.mod`, 502);
  expect(await refused.text()).toMatch(/checksum database sum\.example\.com has h1:/);
  expect((await fetch(`${stoa.url}/${good}/@v/${version}.zip`)).status).toBe(200);
  const told = 'what was stored contradicts the checksum database, and was taken away';
  // Lines come in their own time.
  while (!stoa.log.some(({ message }) => message === told)) await (await fetch(`${stoa.url}/healthz`)).text();
});
