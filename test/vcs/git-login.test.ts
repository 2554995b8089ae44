import { afterEach, describe, expect, test } from 'vitest';
import type { Remote } from '../../src/vcs/remote.ts';
import { git } from '../fakes/git-repos.ts';
import { passwordOf } from '../fakes/git-server.ts';
import { failure } from '../net/origin.ts';
import { type Bed, openBed } from './bed.ts';

const { signal } = new AbortController();

describe.skipIf(git === undefined).each([
  ['version 2 of the protocol', 2],
  ['an older version of the protocol', 0],
] as const)('a remote that speaks %s', (_, protocol) => {
  let bed: Bed | undefined;
  afterEach(async () => {
    await bed?.[Symbol.asyncDispose]();
    bed = undefined;
  });

  /** A repository behind a password that changes, and who knows these passwords, one after the other. */
  async function open(...passwords: readonly string[]) {
    const door = { password: 'p1' };
    bed = await openBed({
      server: { protocol, login: (headers) => passwordOf(headers) === door.password },
    });
    const repo = await bed.repos.create('r', [{ commit: 'one', files: { 'go.mod': 'module m\n' } }]);
    const refused: string[] = [];
    const remoteWith = ([password = '', ...others]: readonly string[]): Remote => ({
      ...bed!.remote('r'),
      credential: { username: 'u', password },
      async renew() {
        refused.push(password);
        return others.length === 0 ? undefined : remoteWith(others);
      },
    });
    const remote = remoteWith(passwords);
    return { door, refused, remote, bed, commit: repo.hash('one'), opened: () => bed!.git.open(remote) };
  }

  test('is asked with another credential where the first is refused', async () => {
    const { door, refused, opened, commit } = await open('p1', 'p2');
    door.password = 'p2';
    expect((await opened().refs(signal)).head).toBe(commit);
    expect(new Set(refused)).toEqual(new Set(['p1']));
  });

  test('is fetched from with another credential when the first ends in the middle', async () => {
    const { door, refused, opened, bed, commit } = await open('p1', 'p2');
    await opened().refs(signal);
    door.password = 'p2';
    bed.later();
    const content = await opened().readFile(commit, 'go.mod', 1000, signal);
    expect(Buffer.from(content!).toString()).toBe('module m\n');
    expect(new Set(refused)).toEqual(new Set(['p1']));
  });

  test('has failed where no other one is there, or that is refused too', async () => {
    for (const passwords of [['p1'], ['p1', 'p2']]) {
      const { door, refused, opened, bed } = await open(...passwords);
      door.password = 'p3';
      expect(await failure(opened().refs(signal))).toMatchObject({
        kind: 'upstream',
        message:
          'https://git.example.com/r: it refused our credential, which may have expired or lack the right to read',
      });
      expect(new Set(refused)).toEqual(new Set(['p1']));
      await bed[Symbol.asyncDispose]();
    }
    bed = undefined;
  });
});
