import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseAppKey } from '../../src/net/app-key.ts';
import { createCredentials } from '../../src/net/credentials.ts';
import { createGitHubApp, type GitHubAppOptions } from '../../src/net/github-app.ts';
import { createLogins } from '../../src/net/logins.ts';
import { type GitHub, type GitHubOptions, startGitHub } from '../fakes/github.ts';
import { failure, openAsker, openOrigin } from './origin.ts';

const { signal } = new AbortController();
const minute = 60_000;

async function openGitHub(options: GitHubOptions = {}): Promise<GitHub> {
  const github = await startGitHub({ installations: { corp: 7, 'user:gopher': 8 }, ...options });
  onTestFinished(() => github.close());
  return github;
}

/** The source of the App's logins. */
function openApp({ url, key }: GitHub, options: Partial<GitHubAppOptions> = {}) {
  const { client } = openAsker({ retries: 0 });
  return createGitHubApp({ app: '12', key, api: url, client, ...options });
}

const repo = (owner: string) => new URL(`https://github.com/${owner}/lib/info/refs`);

describe('the token of a GitHub App', () => {
  test('is that of the installation for the organization or user a URL names', async () => {
    const github = await openGitHub();
    const app = openApp(github);
    const before = Date.now();
    const found = await app.ask(repo('Corp'), signal);
    expect(found).toMatchObject({ username: 'x-access-token', password: expect.stringMatching(/^ghs_/) });
    if ('none' in found) throw new Error(found.none);
    expect(github.isToken(found.password)).toBe(true);
    expect(found.expiresAt! - before).toBeGreaterThan(59 * minute);
    expect(github.requests).toEqual([
      'GET /orgs/corp/installation',
      'POST /app/installations/7/access_tokens',
    ]);
    expect(await app.ask(repo('gopher'), signal)).toHaveProperty('password');
    expect(github.requests.slice(2)).toEqual([
      'GET /orgs/gopher/installation',
      'GET /users/gopher/installation',
      'POST /app/installations/8/access_tokens',
    ]);
  });

  test('is that of the installation in the settings, whoever the owner is', async () => {
    const github = await openGitHub();
    const app = openApp(github, { installation: 7 });
    expect(await app.ask(repo('other'), signal)).toHaveProperty('password');
    expect(github.requests).toEqual(['POST /app/installations/7/access_tokens']);
    expect(app.scope(repo('other'))).toBe(app.scope(repo('corp')));
  });

  test('is one for all repositories of an owner', async () => {
    const app = openApp(await openGitHub());
    expect(app.scope(new URL('https://github.com/Corp/a'))).toBe(app.scope(repo('corp')));
    expect(app.scope(repo('gopher'))).not.toBe(app.scope(repo('corp')));
    // Nobody is named.
    expect(app.scope(new URL('https://github.com/corp'))).toBeUndefined();
    expect(app.scope(new URL('https://github.com/%2e%2e/x'))).toBeUndefined();
    expect(app.scope(new URL('https://github.com/a%2Fb/x'))).toBeUndefined();
  });

  test('comes from below the path of a GitHub Enterprise Server', async () => {
    const github = await openGitHub({ base: '/api/v3' });
    expect(await openApp(github).ask(repo('corp'), signal)).toHaveProperty('password');
    expect(github.requests[0]).toBe('GET /api/v3/orgs/corp/installation');
  });

  test('is renewed before it ends, and by one of those who want it', async () => {
    const clock = { ms: Date.now() };
    const now = () => clock.ms;
    const github = await openGitHub({ now });
    const logins = createLogins(openApp(github, { now }), { life: signal, now });
    const password = async () => {
      const login = await logins(repo('corp'), signal);
      return 'none' in login ? login.none : login.basic!.password;
    };
    const first = await password();
    clock.ms += 51 * minute;
    expect(new Set(await Promise.all([password(), password(), password()]))).toEqual(new Set([first]));
    await expect.poll(password).not.toBe(first);
    const posts = github.requests.filter((request) => request.startsWith('POST'));
    expect(posts).toHaveLength(2);
    expect(github.isToken(await password())).toBe(true);
  });
});

describe('there is no token', () => {
  test('for an owner who has not installed the App', async () => {
    expect(await openApp(await openGitHub()).ask(repo('other'), signal)).toEqual({
      none: 'the GitHub App 12 is not installed for other',
    });
  });

  test.each<[what: string, options: Partial<GitHubAppOptions>, message: string]>([
    [
      'another key',
      { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey },
      'is not who it says it is: its id, its key or the clock here is wrong (401: A JSON web token could not be decoded)',
    ],
    ['another id', { app: '13' }, '(401: Integration not found)'],
    ['a wrong clock', { now: () => Date.now() + 20 * minute }, "(401: 'Expiration time' claim"],
    ['an installation that is not there', { installation: 99 }, 'has no such installation (404: Not Found)'],
  ])('with %s', async (_, options, message) => {
    const github = await openGitHub();
    const error = await failure(openApp(github, options).ask(repo('corp'), signal));
    expect(error).toMatchObject({ kind: 'upstream', message: expect.stringContaining(message) });
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+: the GitHub App \d+ /);
  });

  test.each([
    [422, 'has no permission to read the contents of repositories (422: not granted)'],
    [403, 'may not read: it was suspended, or asks too often (403: not granted)'],
    [500, 'could not be used (500: not granted)'],
  ])('where GitHub answers %d', async (status, message) => {
    const github = await openGitHub();
    github.fail(status, 'not granted\u001b[31m');
    const error = await failure(openApp(github, { installation: 7 }).ask(repo('corp'), signal));
    expect(error).toMatchObject({ kind: 'upstream', message: expect.stringContaining(message.slice(0, -1)) });
    expect(error.message).not.toContain('\u001b');
  });

  test.each(['{}', '[]', 'null', 'no JSON', '{"token":1,"expires_at":"x"}'])(
    'in an answer that is %s',
    async (body) => {
      const origin = await openOrigin((_, response) => response.writeHead(201).end(body));
      const github = { ...(await openGitHub()), url: `http://${origin.host}` };
      expect(await failure(openApp(github, { installation: 7 }).ask(repo('corp'), signal))).toMatchObject({
        message: expect.stringContaining('got an answer that is none (201'),
      });
    },
  );
});

test('no other credential goes to the API of an App', async () => {
  const origin = await openOrigin((_, response) => response.writeHead(404).end());
  const secret = { kind: 'header', name: 'X-Key', value: 'hush' } as const;
  const { client } = openAsker({ credentials: createCredentials([{ host: origin.host, secret }]) });
  await openApp({ ...(await openGitHub()), url: `http://${origin.host}` }, { client }).ask(repo('x'), signal);
  expect(origin.requests.map(({ headers }) => headers['x-key'])).toEqual([undefined, undefined]);
  expect(origin.requests[0]!.headers.authorization).toMatch(/^Bearer /);
});

test.each(['', 'no key', 'ec', '-----BEGIN RSA PRIVATE KEY-----\nhush\n-----END RSA PRIVATE KEY-----'])(
  'a text that is no private key of RSA is refused without being shown: %s',
  (text) => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const pem = text === 'ec' ? String(ec.export({ type: 'pkcs8', format: 'pem' })) : text;
    expect(() => parseAppKey(pem)).toThrow(
      expect.objectContaining({
        kind: 'config',
        message: 'the private key of the App is no RSA key in PEM, as GitHub gives them away',
      }),
    );
  },
);
