import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { Login, NoLogin } from '../../src/net/login.ts';
import { createLogins, type Given, type LoginSource } from '../../src/net/logins.ts';
import { failure } from './origin.ts';

const url = new URL('https://git.example/team/r');
const { signal } = new AbortController();
const minute = 60_000;

/** A source that gives a login with a new password each time, for as long as it is told. */
function open(options: { lasts?: number; source?: Partial<LoginSource>; askMs?: number } = {}) {
  const clock = { ms: 1_000_000 };
  const asked: string[] = [];
  const { lasts } = options;
  const give = async (): Promise<Given> => ({
    username: 'gopher',
    password: `p${asked.filter((what) => what === 'ask').length}`,
    ...(lasts !== undefined && { expiresAt: clock.ms + lasts }),
  });
  const source: LoginSource = {
    scope: ({ host }) => host,
    ask: () => give(),
    ...options.source,
  };
  const noted: LoginSource = {
    scope: source.scope,
    ask: (...args) => {
      asked.push('ask');
      return source.ask(...args);
    },
    accepted: async (_, { password }) => void asked.push(`accepted ${password}`),
    refused: async (_, { password }) => void asked.push(`refused ${password}`),
  };
  const life = new AbortController();
  const { askMs } = options;
  const logins = createLogins(noted, { life: life.signal, now: () => clock.ms, ...(askMs && { askMs }) });
  return {
    clock,
    asked,
    life,
    logins,
    login: async () => {
      const found = await logins(url, signal);
      if ('none' in found) throw new Error(found.none);
      return found;
    },
  };
}

const passwordOf = (login: Login | NoLogin | undefined): string | undefined =>
  login && 'none' in login ? login.none : login?.basic?.password;

describe('a login', () => {
  test('is asked for once by all who want it at once, and kept', async () => {
    const { logins, asked, clock } = open();
    const found = await Promise.all([1, 2, 3].map(() => logins(url, signal)));
    clock.ms += 365 * 24 * 60 * minute;
    found.push(await logins(new URL('https://git.example/other'), signal));
    expect(new Set(found).size).toBe(1);
    expect(found[0]).toMatchObject({
      header: { name: 'authorization', value: `Basic ${btoa('gopher:p1')}` },
      basic: { username: 'gopher', password: 'p1' },
    });
    expect(asked).toEqual(['ask']);
  });

  test('is another one for another scope', async () => {
    const { logins } = open();
    const [one, other] = await Promise.all([
      logins(url, signal),
      logins(new URL('https://other.example'), signal),
    ]);
    expect(one).not.toBe(other);
  });

  test('is renewed behind those who use it before it ends, and by one of them alone', async () => {
    const { login, asked, clock } = open({ lasts: 60 * minute });
    await login();
    clock.ms += 49 * minute;
    expect(passwordOf(await login())).toBe('p1');
    expect(asked).toEqual(['ask']);
    clock.ms += 2 * minute;
    expect((await Promise.all([login(), login(), login()])).map(passwordOf)).toEqual(['p1', 'p1', 'p1']);
    await turn();
    expect(passwordOf(await login())).toBe('p2');
    expect(asked).toEqual(['ask', 'ask']);
  });

  test('is not used in its last minute', async () => {
    const { login, clock } = open({ lasts: 60 * minute });
    await login();
    clock.ms += 59 * minute;
    expect((await Promise.all([login(), login()])).map(passwordOf)).toEqual(['p2', 'p2']);
  });

  test('is used on while it cannot be renewed, until it ends', async () => {
    let isDown = false;
    const source: Partial<LoginSource> = {
      async ask() {
        if (isDown) throw new StoaError('upstream', 'git.example: down');
        return { username: 'u', password: 'p', expiresAt: 1_000_000 + 60 * minute };
      },
    };
    const { login, asked, clock } = open({ source });
    await login();
    isDown = true;
    clock.ms += 52 * minute;
    for (let i = 0; i < 5; i++) {
      expect(passwordOf(await login())).toBe('p');
      await turn();
    }
    expect(asked).toEqual(['ask', 'ask']);
    clock.ms += 8 * minute;
    expect(await failure(login())).toMatchObject({ kind: 'upstream', message: 'git.example: down' });
  });

  test('that has expired when it comes is none', async () => {
    const { logins } = open({ lasts: -1000 });
    expect(await logins(url, signal)).toEqual({
      none: 'the login that we have for it expired at 1970-01-01T00:16:39.000Z',
    });
  });

  test('that no header can carry is a failure that does not show it', async () => {
    const source: Partial<LoginSource> = { ask: async () => ({ username: 'a:b', password: 'hush' }) };
    expect(await failure(open({ source }).login())).toMatchObject({
      kind: 'upstream',
      message: "git.example: the login for it: a user name can't hold a colon",
    });
  });

  test('that was taken is told of once', async () => {
    const { login, asked } = open();
    for (let i = 0; i < 3; i++) (await login()).accepted();
    await turn();
    expect(asked).toEqual(['ask', 'accepted p1']);
  });
});

describe('a refused login', () => {
  test('is told of before another one is asked for, once for all who were refused', async () => {
    const { login, asked } = open();
    const first = await login();
    const others = await Promise.all([1, 2, 3].map(() => first.refused(signal)));
    expect(others.map(passwordOf)).toEqual(['p2', 'p2', 'p2']);
    expect(asked).toEqual(['ask', 'refused p1', 'ask']);
    expect(passwordOf(await login())).toBe('p2');
    // Who comes late with it gets what is there by now.
    expect(passwordOf(await first.refused(signal))).toBe('p2');
    expect(asked).toHaveLength(3);
  });

  test('is not asked for again at once when the next one is refused too', async () => {
    const { login, asked, clock } = open();
    const second = (await (await login()).refused(signal))!;
    expect(await second.refused(signal)).toBeUndefined();
    expect(asked).toEqual(['ask', 'refused p1', 'ask']);
    clock.ms += minute;
    expect(passwordOf(await second.refused(signal))).toBe('p3');
  });

  test('has no other one where the same comes again', async () => {
    const source: Partial<LoginSource> = { ask: async () => ({ username: 'u', password: 'same' }) };
    const { login } = open({ source });
    expect(await (await login()).refused(signal)).toBeUndefined();
  });
});

describe('who has no login, or fails', () => {
  test('is asked again after a minute', async () => {
    const source: Partial<LoginSource> = { ask: async () => ({ none: 'there is none' }) };
    const { logins, asked, clock } = open({ source });
    for (const passed of [0, 59_000, 1_000]) {
      clock.ms += passed;
      expect(await logins(url, signal)).toEqual({ none: 'there is none' });
    }
    expect(asked).toHaveLength(2);
  });

  test('is asked again after some seconds where it failed', async () => {
    const source: Partial<LoginSource> = {
      ask: () => Promise.reject(new StoaError('upstream', 'git.example: it failed')),
    };
    const { login, asked, clock } = open({ source });
    for (const passed of [0, 4_000, 1_000]) {
      clock.ms += passed;
      expect(await failure(login())).toMatchObject({ message: 'git.example: it failed' });
    }
    expect(asked).toHaveLength(2);
  });

  test('meets a deadline', async () => {
    const source: Partial<LoginSource> = { ask: (_, ending) => abortOf(ending) };
    expect(await failure(open({ source, askMs: 20 }).login())).toMatchObject({
      kind: 'timeout',
      message: 'git.example: not done within 20 ms',
    });
  });

  test('is not waited for by who has left, and goes on for the others', async () => {
    const gate = Promise.withResolvers<void>();
    const source: Partial<LoginSource> = {
      async ask() {
        await gate.promise;
        return { username: 'u', password: 'p' };
      },
    };
    const { logins, login, asked } = open({ source });
    const leaving = new AbortController();
    const left = logins(url, leaving.signal);
    const stays = login();
    leaving.abort();
    expect(await failure(left)).toMatchObject({ kind: 'canceled' });
    gate.resolve();
    expect(passwordOf(await stays)).toBe('p');
    expect(asked).toEqual(['ask']);
  });

  test('is not waited for when all ends', async () => {
    const { login, life } = open({ source: { ask: (_, ending) => abortOf(ending) } });
    const waiting = failure(login());
    await turn();
    life.abort();
    expect(await waiting).toMatchObject({ kind: 'canceled' });
  });

  test('is not asked for a URL that can have none', async () => {
    const { logins, asked } = open({ source: { scope: () => undefined } });
    expect(await logins(url, signal)).toHaveProperty('none');
    expect(asked).toEqual([]);
  });
});

test('no more logins are kept than a thousand, and the least recently used goes', async () => {
  const { logins, asked } = open();
  const ask = (name: string) => logins(new URL(`https://${name}.example`), signal);
  for (let i = 0; i < 1000; i++) await ask(`h${i}`);
  await ask('h0');
  await ask('new');
  await ask('h0');
  expect(asked).toHaveLength(1001);
  await ask('h1');
  expect(asked).toHaveLength(1002);
});

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
}
