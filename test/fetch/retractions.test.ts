import { describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { Step } from '../fakes/git-repos.ts';
import { openBed } from './direct-bed.ts';

const m = 'example.com/m';
const go = (retract = ''): string => `module ${m}\n\ngo 1.21\n${retract}`;

/** One commit after another, each with a tag and what its go.mod says; without a go.mod where that is undefined. */
function line(...commits: [tag: string, goMod: string | undefined][]): Step[] {
  return commits.map(([tag, goMod], i) => ({
    commit: tag,
    files: goMod === undefined ? { [`${i}.go`]: 'package m\n' } : { 'go.mod': goMod },
    tags: tag.startsWith('v') ? [tag] : [],
  }));
}

describe('latest is', () => {
  test.each<[why: string, script: Step[], version: string]>([
    ['the highest release', line(['v1.0.0', go()], ['v1.1.0', go()], ['v1.2.0-rc.1', go()]), 'v1.1.0'],
    ['the highest pre-release without a release', line(['v1.0.0-a', go()], ['v1.0.0-b', go()]), 'v1.0.0-b'],
    [
      'not what the highest release retracts',
      line(['v1.0.0', go()], ['v1.1.0', go()], ['v1.2.0', go('retract [v1.1.0, v1.2.0]\n')]),
      'v1.0.0',
    ],
    [
      'what a pre-release retracts all the same',
      line(['v1.0.0', go()], ['v1.1.0', go()], ['v1.2.0-rc.1', go('retract v1.1.0\n')]),
      'v1.1.0',
    ],
    [
      'a pre-release when all releases are retracted',
      line(['v1.0.0-rc.1', go()], ['v1.0.0', go('retract v1.0.0\n')]),
      'v1.0.0-rc.1',
    ],
    [
      'the newest commit when all is retracted, after what is not',
      line(['v1.0.0', go('retract [v0.0.0, v1.9.0]\n')], ['newest', go()]),
      'v0.0.0-20240101000100-<newest>',
    ],
    ['the newest commit without tags', line(['newest', go()]), 'v0.0.0-20240101000000-<newest>'],
    [
      'the highest +incompatible one when no compatible one has a go.mod',
      line(['v1.0.0', undefined], ['v2.0.0', undefined], ['v10.0.0', undefined]),
      'v10.0.0+incompatible',
    ],
    [
      'a compatible one with a go.mod',
      line(['v2.0.0', undefined], ['v3.0.0', undefined], ['v1.0.0', go()]),
      'v1.0.0',
    ],
    [
      'no tag whose go.mod cannot be read as one, but that retracts nothing',
      line(['v1.0.0', go()], ['v1.1.0', `module ${m}\nmodule ${m}\nretract v1.1.0\n`]),
      'v1.1.0',
    ],
  ])('%s', async (_, script, version) => {
    const bed = openBed(script, m);
    const named = version.replace(/<(.+)>/, (_, label: string) => bed.repo.hash(label).slice(0, 12));
    expect(await bed.resolve(m, 'latest')).toBe(named);
  });
});

describe('a commit with a retracted tag', () => {
  const script = line(
    ['v1.0.0', go()],
    ['v1.1.0', go()],
    ['v1.2.0', go('retract (\n\tv1.1.0\n\tv1.2.0\n)\n')],
    ['newest', go()],
  );

  test('is a pseudo-version after what is not retracted', async () => {
    const bed = openBed(script, m);
    const short = bed.repo.hash('v1.1.0').slice(0, 12);
    expect(await bed.resolve(m, short)).toBe(`v1.0.1-0.20240101000100-${short}`);
    const newest = bed.repo.hash('newest').slice(0, 12);
    expect(await bed.resolve(m, 'main')).toBe(`v1.0.1-0.20240101000300-${newest}`);
  });

  test('is not told while the go.mod with the retractions cannot be read', async () => {
    const bed = openBed(script, m);
    const { readFile } = bed.repo;
    bed.repo.readFile = async (commit, ...rest) => {
      if (commit === bed.repo.hash('v1.2.0')) throw new StoaError('upstream', 'the remote hung up');
      return readFile(commit, ...rest);
    };
    await expect(bed.resolve(m, 'main')).rejects.toMatchObject({
      kind: 'upstream',
      message: `${m}@main: the remote hung up`,
    });
  });

  test('is told although the highest version is none of this module, which retracts nothing then', async () => {
    const bed = openBed([...script, ...line(['v1.3.0', `module ${m}/v3\n`], ['later', go()])], m);
    expect(await bed.resolve(m, bed.repo.hash('v1.1.0'))).toBe('v1.1.0');
  });

  test('is that version when it is asked for, for a retracted version stays one', async () => {
    const bed = openBed(script, m);
    expect((await bed.fetch(m, 'v1.1.0', 'mod')).text).toBe(go());
    expect((await bed.list(m)).versions).toEqual(['v1.0.0', 'v1.1.0', 'v1.2.0']);
  });
});

test('a list drops a major version whose highest tag has a go.mod, and all of them below a compatible one that has', async () => {
  const bed = openBed(
    line(['v1.0.0', undefined], ['v2.0.0', undefined], ['v3.0.0', undefined], ['v3.1.0', `module ${m}/v3\n`]),
    m,
  );
  expect((await bed.list(m)).versions).toEqual(['v1.0.0', 'v2.0.0+incompatible']);
  bed.repo.run([{ commit: 'with', files: { 'go.mod': go() }, tags: ['v1.1.0-rc.1'] }]);
  expect((await bed.list(m)).versions).toEqual(['v1.0.0', 'v1.1.0-rc.1']);
});

test('a module in a folder has no +incompatible versions', async () => {
  const path = `${m}/sub`;
  const bed = openBed(
    [{ commit: 'one', files: { 'sub/go.mod': `module ${path}\n` }, tags: ['sub/v1.0.0', 'sub/v2.0.0'] }],
    m,
  );
  expect((await bed.list(path)).versions).toEqual(['v1.0.0']);
  await expect(bed.resolve(path, 'v2.0.0')).rejects.toThrow(
    `${path}@v2.0.0: invalid version: module contains a go.mod file, so module path must match major version ("${path}/v2")`,
  );
});

test('the suffix +incompatible is for versions that need it', async () => {
  const bed = openBed(line(['v1.0.0', undefined]), m);
  await expect(bed.fetch(m, 'v1.0.0+incompatible', 'mod')).rejects.toMatchObject({
    kind: 'notFound',
    message: `${m}@v1.0.0+incompatible: invalid version: +incompatible suffix not allowed: major version v1 is compatible`,
  });
});

test('a tag with build metadata is the base of its commit where it is asked for, else one among others', async () => {
  const bed = openBed(line(['v0.5.0', go()], ['v0.1.0+meta', go()]), m);
  const short = bed.repo.hash('v0.1.0+meta').slice(0, 12);
  expect(await bed.resolve(m, 'v0.1.0+meta')).toBe(`v0.1.1-0.20240101000100-${short}`);
  expect(await bed.resolve(m, short)).toBe(`v0.5.1-0.20240101000100-${short}`);
});

test('many major versions are asked about a few at a time', async () => {
  const majors = Array.from({ length: 200 }, (_, i): [string, undefined] => [`v${i + 2}.0.0`, undefined]);
  const bed = openBed(line(...majors), m);
  let running = 0;
  let most = 0;
  const { readFile } = bed.repo;
  bed.repo.readFile = async (...args) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    return readFile(...args);
  };
  expect((await bed.list(m)).versions).toHaveLength(200);
  expect(most).toBe(32);
});
