import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { createCredentials, type Secret } from '../../src/net/credentials.ts';
import { createLogins, type LoginSource } from '../../src/net/logins.ts';
import { failure, type Origin, openAsker, openOrigin, until } from './origin.ts';

const secret: Secret = { kind: 'helper', command: 'test' };
const basic = (password: string) => `Basic ${btoa(`u:${password}`)}`;

/** A host that lets in who has one of these passwords, and a client whose credential for it comes from a source. */
async function open(good: readonly string[], source: Partial<LoginSource> = {}) {
  const host = { status: 200 };
  const origin = await openOrigin(({ headers }, response) => {
    const isGood = good.some((password) => headers.authorization === basic(password));
    response.writeHead(isGood ? host.status : 401).end(headers.authorization ?? 'nobody');
  });
  const told: string[] = [];
  let asked = 0;
  const life = new AbortController();
  onTestFinished(() => life.abort());
  const logins = createLogins(
    {
      scope: () => '',
      ask: async () => ({ username: 'u', password: `p${++asked}` }),
      accepted: async (_, { password }) => void told.push(`accepted ${password}`),
      refused: async (_, { password }) => void told.push(`refused ${password}`),
      ...source,
    },
    { life: life.signal },
  );
  const credentials = createCredentials([{ host: origin.host, secret }], 'corp.example', () => logins);
  const { get } = openAsker({ credentials });
  return { host, origin, told, get: (more = {}) => get(origin.url, { module: 'corp.example/m', ...more }) };
}

const passwords = ({ requests }: Origin) => requests.map(({ headers }) => headers.authorization);

describe('a credential that is asked for', () => {
  test('is told of when its host takes it', async () => {
    const { get, told } = await open(['p1']);
    for (let i = 0; i < 2; i++) expect(await get()).toMatchObject({ status: 200, authorized: true });
    await until(() => told).toEqual(['accepted p1']);
  });

  test('is asked for again when its host does not take it any more', async () => {
    const { get, told, origin } = await open(['p2']);
    const reply = await get();
    expect([reply.status, await text(reply.body)]).toEqual([200, basic('p2')]);
    await until(() => told).toEqual(['refused p1', 'accepted p2']);
    expect(await get()).toMatchObject({ status: 200 });
    expect(passwords(origin)).toEqual([basic('p1'), basic('p2'), basic('p2')]);
  });

  test('is not asked for again and again when no other one is better', async () => {
    const { get, told, origin } = await open([]);
    expect(await get()).toMatchObject({ status: 401, authorized: true });
    expect(await get()).toMatchObject({ status: 401, authorized: true });
    expect(passwords(origin)).toEqual([basic('p1'), basic('p2'), basic('p2')]);
    expect(told).toEqual(['refused p1']);
  });

  test('is not taken for refused by another status', async () => {
    const { get, told, host } = await open(['p1']);
    await get();
    host.status = 403;
    expect(await get()).toMatchObject({ status: 403 });
    expect(told).not.toContain('refused p1');
  });

  test('may be none, and the answer says why', async () => {
    const { get } = await open([], { ask: async () => ({ none: 'the helper has none' }) });
    const reply = await get();
    expect(reply).toMatchObject({ status: 401, authorized: false, lacking: 'the helper has none' });
    expect(await text(reply.body)).toBe('nobody');
  });

  test('that cannot be asked for is no absence: nothing is sent', async () => {
    const { get, origin } = await open([], {
      ask: async () => {
        throw new StoaError('upstream', 'git.example: the helper failed');
      },
    });
    expect(await failure(get())).toMatchObject({
      kind: 'upstream',
      message: 'git.example: the helper failed',
    });
    expect(origin.requests).toEqual([]);
  });

  test('is not asked for where it does not serve the module', async () => {
    let asked = 0;
    const { get } = await open([], {
      async ask() {
        asked++;
        return { username: 'u', password: 'p' };
      },
    });
    for (const more of [{ module: 'evil.example/m', stranger: true }, { insecure: true }]) {
      const reply = await get(more);
      expect(await text(reply.body)).toBe('nobody');
    }
    expect(asked).toBe(0);
  });
});
