import { expect, test } from 'vitest';
import type { Step } from '../fakes/git-repos.ts';
import { openBed } from './direct-bed.ts';

const m = 'example.com/m';
const go = (path: string): string => `module ${path}\n`;

/** Tags on one line of commits, and beside it a branch. */
const script: readonly Step[] = [
  { commit: 'first', files: { 'sub/go.mod': go(`${m}/sub`) }, tags: ['v0.9.0-pre', 'v0.9.0'] },
  { commit: 'tagged', files: { 'go.mod': go(m) }, tags: ['v1.0.0', 'sub/v1.5.0', 'v1.1.0+meta'] },
  { commit: 'later', time: '2024-02-03T04:05:06Z' },
  { commit: 'side', on: 'side', parents: ['first'], tags: ['v1.7.0'] },
  { commit: 'last', tags: ['v3.0.0', 'v1.5.0', 'v1.2.0-rc.1'] },
  { commit: 'top' },
  { commit: 'old', on: 'old', parents: ['first'], files: { 'old.go': 'package m\n' }, tags: ['v2.0.0'] },
  { commit: 'older', on: 'old', time: '2024-05-06T07:08:09Z' },
];

const stamp = '20240203040506';

test.each<[path: string, version: string, why?: string]>([
  [m, `v0.0.0-${stamp}-<later>`, 'without a base, though there is one'],
  [m, `v1.0.1-0.${stamp}-<later>`],
  [m, `v0.9.1-0.${stamp}-<later>`, 'any ancestor, not just the highest: it may have had no other tag then'],
  [m, `v0.9.0-pre.0.${stamp}-<later>`],
  [m, `v1.1.1-0.${stamp}-<later>`, 'the base is on a tag with metadata'],
  [`${m}/sub`, `v1.5.1-0.${stamp}-<later>`],
  [m, 'v1.1.1-0.20240101000100-<tagged>', 'metadata makes no name, so its commit may come after it'],
  [m, 'v2.0.1-0.20240506070809-<older>+incompatible'],
])('%s@%s is true', async (path, version) => {
  const bed = openBed(script, m);
  const named = nameIn(bed.repo.hash, version);
  expect(await bed.resolve(path, named)).toBe(named);
  expect((await bed.fetch(path, named, 'mod')).text).toMatch(/^module /);
});

test.each<[path: string, version: string, problem: string]>([
  [m, `v0.0.0-${stamp}-<later:11>`, 'revision is shorter than canonical (expected <later>)'],
  [m, `v0.0.0-${stamp}-<later:13>`, 'revision is longer than canonical (expected <later>)'],
  [m, `v0.0.0-${stamp}-<later:40>`, 'revision is longer than canonical (expected <later>)'],
  [m, 'v0.0.0-20240203040507-<later>', `does not match version-control timestamp (expected ${stamp})`],
  [m, `v1.0.0-${stamp}-<later>`, 'major version without preceding tag must be v0, not v1'],
  [
    m,
    'v1.0.1-0.20240101000100-<tagged>',
    'tag (v1.0.0) found on revision <tagged> is already canonical, so should not be replaced with a pseudo-version derived from that tag',
  ],
  [m, `v1.99.1-0.${stamp}-<later>`, 'preceding tag (v1.99.0) not found'],
  [m, 'v1.2.1-0.20240203040806-<top>', 'preceding tag (v1.2.0) not found'],
  [
    `${m}/sub`,
    'v1.5.1-0.20240203040706-<last>',
    'tag (v1.5.0) found on revision <last> is already canonical, so should not be replaced with a pseudo-version derived from that tag',
  ],
  [
    `${m}/sub`,
    'v1.5.1-0.20240101000100-<tagged>',
    'tag (sub/v1.5.0) found on revision <tagged> is already canonical, so should not be replaced with a pseudo-version derived from that tag',
  ],
  [m, `v1.7.1-0.${stamp}-<later>`, 'revision <later> is not a descendent of preceding tag (v1.7.0)'],
  [m, `v1.6.1-0.${stamp}-<later>`, 'preceding tag (v1.6.0) not found'],
  [`${m}/sub`, `v1.0.1-0.${stamp}-<later>`, 'preceding tag (v1.0.0) not found'],
])('%s@%s is not', async (path, version, problem) => {
  const bed = openBed(script, m);
  const named = (text: string): string => nameIn(bed.repo.hash, text);
  const message = named(`${path}@${version}: invalid pseudo-version: ${problem}`);
  for (const file of ['info', 'mod', 'zip'] as const)
    await expect(bed.fetch(path, named(version), file)).rejects.toMatchObject({ kind: 'notFound', message });
});

test('a module of gopkg.in has the number of its path without a base too', async () => {
  const path = 'gopkg.in/m.v1';
  const bed = openBed([{ commit: 'one' }], path);
  const version = nameIn(bed.repo.hash, 'v1.0.0-20240101000000-<one>');
  expect(await bed.resolve(path, version)).toBe(version);
});

test('the hash of a pseudo-version is that, and no branch', async () => {
  const bed = openBed(script, m);
  bed.repo.run([{ branch: bed.repo.hash('later').slice(0, 12), at: 'first' }]);
  const version = nameIn(bed.repo.hash, `v0.0.0-${stamp}-<later>`);
  await expect(bed.resolve(m, version)).rejects.toThrow('does not match short name of revision');
});

test.each([
  [`${m}/v2`, `v2.0.0-${stamp}-<later>`, `go.mod has non-.../v2 module path "${m}"`],
  [m, `v2.0.0-${stamp}-<later>`, 'module contains a go.mod file, so module path must match major version'],
  [`${m}/none`, `v0.0.0-${stamp}-<later>`, `missing ${m}/none/go.mod at revision <later>`],
])('%s@%s is not, for the module is not there', async (path, version, problem) => {
  const bed = openBed(script, m);
  const { repo } = bed;
  const message = expect.stringContaining(nameIn(repo.hash, problem));
  const answer = bed.query(path, nameIn(repo.hash, version));
  await expect(answer).rejects.toMatchObject({ kind: 'notFound', message });
  // What the commit alone decides is decided before any history is needed.
  expect(repo.asked.filter((what) => /isAncestor|recentTag/.test(what))).toEqual([]);
});

test('an impossible time or base is malformed, and costs the remote nothing', async () => {
  const bed = openBed(script, m);
  for (const version of ['v0.0.0-20241301000000-0123456789ab', 'v0.0.0-0.20240101000000-0123456789ab']) {
    const message = expect.stringContaining(`${m}@${version}: malformed pseudo-version`);
    await expect(bed.fetch(m, version, 'mod')).rejects.toMatchObject({ kind: 'malformed', message });
  }
  expect(bed.repo.asked).toEqual([]);
});

/** `<later>` is the short hash of that commit, `<later:40>` 40 digits of it. */
function nameIn(hash: (label: string) => string, text: string): string {
  return text.replace(/<(\w+)(?::(\d+))?>/g, (_, label: string, digits = 12) =>
    hash(label).slice(0, Number(digits)),
  );
}
