import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { ModuleFile } from '../../src/fetch/fetcher.ts';
import { formatTarget, parseKey } from '../../src/module/target.ts';
import { startStoa } from '../fakes/stoa.ts';
import { startUpstream, type UpstreamModule } from '../fakes/upstream.ts';
import { createRandom, noise, pick, type Random, seed } from './random.ts';
import { checkStored, keysIn, unfinished } from './shelf.ts';

const rounds = 25;
const versions = ['v1.0.0', 'v1.1.0', 'v1.2.0'];
const files: readonly ModuleFile[] = ['zip', 'mod', 'info'];

test(`a server killed at ${rounds} random moments serves all that it served before, whole (seed ${seed})`, {
  timeout: 300_000,
}, async () => {
  const random = createRandom(1000);
  await using upstream = await startUpstream({ modules: makeModules(random), latencyMs: 2 });
  await using stoa = await startStoa({ upstream: upstream.url, env: { STOA_NET_RETRIES: '0' } });
  await stoa.stop();
  const root = join(stoa.data, 'store');
  const served = new Set<string>();
  let seen: ReadonlySet<string> = new Set();
  let cut = 0;

  for (let round = 0; round < rounds; round++) {
    await stoa.start();
    expect(await unfinished(root), 'unfinished files after the start').toEqual([]);
    const again = [...served][pick(random, served.size)];
    if (again !== undefined) await expectServed(`${stoa.url}/cached-only`, again);
    const asked = targetsOf(moduleName(round));
    const before = upstream.count();
    const answers = asked.map((target) => isWhole(`${stoa.url}/${target}`));
    // The moments are counted in what happens: requests to the source, then answers.
    const moment = 1 + pick(random, 2 * asked.length);
    const longer = random() ** 2 * 30;
    await (moment <= asked.length
      ? Promise.race([upstream.request(() => true, before + moment), Promise.all(answers)])
      : finished(answers, moment - asked.length));
    await sleep(longer);
    await stoa.kill();
    const whole = await Promise.all(answers);
    for (const [i, target] of asked.entries()) if (whole[i]) served.add(target);
    cut += whole.filter((each) => !each).length;
    const keys = await keysIn(root);
    await checkStored(root, keys.difference(seen), upstream.fixture);
    seen = keys;
  }

  // Else the moments were not in the middle of anything, or nothing was ever served.
  expect(cut).toBeGreaterThan(rounds);
  expect(served.size).toBeGreaterThan(rounds);
  await upstream.stop();
  await stoa.start();
  for (const target of served) await expectServed(stoa.url, target);
  expect(await unfinished(root)).toEqual([]);
  await stoa.stop();

  /** What the source has of a target. */
  function fixtureOf(target: string): Buffer {
    const { path, version, extension } = parseKey(target)!;
    return upstream.fixture(path, version)[extension as ModuleFile];
  }

  async function expectServed(server: string, target: string): Promise<void> {
    const answer = await fetch(`${server}/${target}`);
    const body = Buffer.from(await answer.arrayBuffer());
    expect(answer.status, `${target}: ${body.length < 1000 ? body : ''}`).toBe(200);
    expect(body.equals(fixtureOf(target)), target).toBe(true);
  }

  /** False for a download that was cut. One that ended well must be whole. */
  async function isWhole(url: string): Promise<boolean> {
    let body: Buffer;
    try {
      const answer = await fetch(url);
      body = Buffer.from(await answer.arrayBuffer());
      expect(answer.status, `${url}: ${body.length < 1000 ? body : ''}`).toBe(200);
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
    expect(body.equals(fixtureOf(new URL(url).pathname.slice(1))), url).toBe(true);
    return true;
  }
});

/** Fulfilled when so many of the promises are. */
function finished(promises: readonly Promise<unknown>[], count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = count;
    for (const promise of promises) promise.then(() => --left === 0 && resolve(), reject);
  });
}

function makeModules(random: Random): UpstreamModule[] {
  return Array.from({ length: rounds }, (_, i) => {
    const path = moduleName(i);
    const parts = () => ({
      files: { 'go.mod': `module ${path}\n`, 'data.bin': noise(random, 1_000 * 10 ** pick(random, 4)) },
      compress: false,
    });
    return { path, versions: Object.fromEntries(versions.map((version) => [version, parts()])) };
  });
}

function moduleName(round: number): string {
  return `example.com/round${round}`;
}

function targetsOf(path: string): string[] {
  return versions.flatMap((version) => files.map((kind) => formatTarget({ kind, path, version, key: '' })));
}
