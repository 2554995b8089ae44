// Private modules from a module proxy of the house, which a route names and which wants to know who asks.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startStoa } from '../fakes/stoa.ts';
import { type FakeUpstream, readModuleTexts, startUpstream } from '../fakes/upstream.ts';

const hush = 'glpat-very-secret';

describe('a route to a module proxy that wants a login', () => {
  let house: FakeUpstream;
  let everybody: FakeUpstream;
  beforeAll(async () => {
    house = await startUpstream({ modules: await readModuleTexts() });
    everybody = await startUpstream({ modules: await readModuleTexts() });
  });
  afterAll(async () => {
    await house?.close();
    await everybody?.close();
  });

  const basic = `Basic ${btoa(`gopher:${hush}`)}`;
  test.each<[what: string, line: string, header: string, value: string]>([
    ['a user and a password', `username = "gopher"\npassword = "${hush}"`, 'authorization', basic],
    ['a password in a file', 'username = "gopher"\npassword_file = "FILE"', 'authorization', basic],
    ['a token', `token = "${hush}"`, 'authorization', `Bearer ${hush}`],
    ['a token in a file', 'token_file = "FILE"', 'authorization', `Bearer ${hush}`],
    ['a header', `header = "Private-Token"\nvalue = "${hush}"`, 'private-token', hush],
    ['a header in a file', 'header = "Private-Token"\nvalue_file = "FILE"', 'private-token', hush],
    [
      'a credential helper',
      `helper = ["sh", "-c", "echo username=gopher; echo password=${hush}"]`,
      'authorization',
      basic,
    ],
  ])('is let in with %s', async (_, line, header, value) => {
    const clear = house.fault(({ headers }) => headers[header] !== value, { do: 'answer', status: 401 });
    onTestFinished(clear);
    const folder = await mkdtemp(join(tmpdir(), 'stoa-secret-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'secret');
    await writeFile(file, `${hush}\n`);
    const host = new URL(house.url).host;
    await using stoa = await startStoa({
      upstream: everybody.url,
      env: {
        STOA_ROUTES: `example.com/Mixed/*=${house.url}`,
        STOA_PRIVATE: 'example.com/Mixed/*',
        STOA_CREDENTIALS: `[[credentials]]\nhost = "${host}"\n${line.replace('FILE', file)}\n`,
      },
    });
    const asked = everybody.requests.length;
    for (const question of ['list', 'v1.0.0.info', 'v1.0.0.mod', 'v1.0.0.zip']) {
      const reply = await fetch(`${stoa.url}/example.com/%21mixed/%21case/@v/${question}`);
      await reply.arrayBuffer();
      expect([question, reply.status]).toEqual([question, 200]);
    }
    expect(everybody.requests.length).toBe(asked);
    // Others go elsewhere, without it.
    const other = await fetch(`${stoa.url}/example.com/hello/@v/v1.0.0.mod`);
    expect(other.status).toBe(200);
    expect(everybody.requests.at(-1)!.headers[header]).toBeUndefined();
    expect(JSON.stringify(stoa.log)).not.toContain(hush);
  });
});
