import { describe, expect, onTestFinished, test } from 'vitest';
import type { Repo } from '../../src/vcs/repo.ts';
import { failure, filesOf, never, textOf } from '../conformance/repo-kit.ts';
import { git, type Step } from '../fakes/git-repos.ts';
import type { GitFault } from '../fakes/git-server.ts';
import { createRandom, noise } from '../faults/random.ts';
import { type BedOptions, openBed } from './bed.ts';

const random = createRandom(404);

/** Five versions with 20 files of 20 KB in 10 folders, of which each changes four. */
const script: readonly Step[] = Array.from({ length: 5 }, (_, version): Step => {
  const all = Array.from({ length: 20 }, (_, i) => i);
  const changed = version === 0 ? all : all.filter((i) => i % 5 === version);
  const contents = changed.map((i) => [`p${i % 10}/f${i}.go`, noise(random, 20_000)] as const);
  const files = { 'go.mod': `module example.com/m // ${version}\n`, ...Object.fromEntries(contents) };
  return { commit: `c${version}`, files, tags: [`v1.${version}.0`] };
});

const wholeBytes = 20 * 20_000;

async function open(options: BedOptions = {}, steps = script) {
  const bed = await openBed(options);
  onTestFinished(() => bed[Symbol.asyncDispose]());
  const remote = bed.remote('acme/lib');
  const scripted = await bed.repos.create('acme/lib', steps);
  const { server } = bed;
  const run = async (more: readonly Step[]) => {
    await scripted.run(more);
    bed.later();
  };
  return { bed, server, remote, repo: bed.git.open(remote), hash: scripted.hash, run };
}

async function readGoMod(repo: Repo, rev: string): Promise<string | undefined> {
  return textOf(repo, (await repo.stat(rev, never)).hash, 'go.mod');
}

/** An answer that says that the remote does not give what was asked for. */
const refusal: GitFault = {
  do: 'answer',
  status: 200,
  headers: { 'content-type': 'application/x-git-upload-pack-result' },
  body: '0020ERR upload-pack: not our ref',
};

describe.skipIf(git === undefined)('what is fetched', () => {
  test('for the first go.mod is a commit, its folders and that file, in four round trips', async () => {
    const { repo, server } = await open();
    expect(await readGoMod(repo, 'v1.1.0')).toContain('// 1');
    const { counts, bytes } = server.take();
    expect(counts).toEqual({ advertisement: 1, 'ls-refs': 1, fetch: 2 });
    expect(bytes).toBeLessThan(5000);
  });

  test('for the next go.mod is what changed, over the same connection', async () => {
    const { bed, repo, server } = await open();
    await readGoMod(repo, 'v1.1.0');
    server.take();
    bed.later();
    expect(await readGoMod(repo, 'v1.2.0')).toContain('// 2');
    const { counts, bytes } = server.take();
    expect(counts).toEqual({ 'ls-refs': 1, fetch: 2 });
    expect(bytes).toBeLessThan(3000);
    expect(server.sockets.size).toBe(1);
  });

  test('for a go.mod that was read before is nothing', async () => {
    const { bed, repo, server, hash, remote } = await open();
    await readGoMod(repo, 'v1.1.0');
    server.take();
    expect(await textOf(repo, hash('c1'), 'go.mod')).toContain('// 1');
    await bed.restart();
    expect(await textOf(bed.git.open(remote), hash('c1'), 'go.mod')).toContain('// 1');
    expect(server.take().trips).toBe(0);
  });

  test('for refs is one answer, however many ask at once', async () => {
    const { bed, remote, server } = await open();
    const asked = Array.from({ length: 100 }, () => bed.git.open(remote).refs(never));
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ tags }) => tags.size))).toEqual(new Set([5]));
    expect(server.take().counts).toEqual({ advertisement: 1, 'ls-refs': 1 });
    bed.later();
    await bed.git.open(remote).refs(never);
    expect(server.take().counts).toEqual({ 'ls-refs': 1 });
  });

  test('for a go.mod comes once, however many ask at once', async () => {
    const { bed, remote, server } = await open();
    const asked = Array.from({ length: 100 }, () => readGoMod(bed.git.open(remote), 'v1.2.0'));
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['module example.com/m // 2\n']));
    expect(server.take().counts).toEqual({ advertisement: 1, 'ls-refs': 1, fetch: 2 });
  });

  test('goes on for the others when one of those who wait leaves, and ends with the last', async () => {
    const { bed, repo, server } = await open();
    const answer = Promise.withResolvers<void>();
    server.fault('ls-refs', { do: 'hang', afterBytes: 0, until: answer.promise });
    const leaving = new AbortController();
    const left = failure(repo.refs(leaving.signal), 'canceled');
    const staying = repo.refs(never);
    leaving.abort();
    await left;
    answer.resolve();
    expect((await staying).tags.size).toBe(5);
    const before = server.requests.length;
    bed.later();

    server.fault('ls-refs', { do: 'hang', afterBytes: 0 });
    const last = new AbortController();
    const ended = failure(repo.refs(last.signal), 'canceled');
    await expect.poll(() => server.requests.length).toBe(before + 1);
    const { over } = server.requests.at(-1)!;
    last.abort();
    await ended;
    expect(await over).toBe('cut');
  });

  test('for one request is asked about refs once, and for a later one again', async () => {
    let time = 0;
    const { repo, server, hash } = await open({ git: { now: () => time } });
    const ask = async () => {
      await repo.refs(never);
      await repo.stat('v1.4.0', never);
      await repo.isAncestor('v1.0.0', hash('c4'), never);
      await repo.recentTag(hash('c4'), '', (tag) => tag !== 'v1.4.0', never);
    };
    await ask();
    expect(server.take().counts['ls-refs']).toBe(1);
    time = 2000;
    await ask();
    expect(server.take().counts['ls-refs']).toBeUndefined();
    time = 2001;
    await ask();
    expect(server.take().counts).toEqual({ 'ls-refs': 1 });
  });

  test('for the go.mod files of several versions at once comes together', async () => {
    const { repo, server, hash } = await open();
    await repo.refs(never);
    server.take();
    const labels = ['c0', 'c1', 'c2', 'c3', 'c4'];
    const texts = await Promise.all(labels.map((label) => textOf(repo, hash(label), 'go.mod')));
    expect(texts).toEqual(labels.map((_, i) => `module example.com/m // ${i}\n`));
    expect(server.take().counts.fetch).toBeLessThanOrEqual(4);
  });

  test('for an archive is what was missing, at once', async () => {
    const { repo, server, hash } = await open();
    await readGoMod(repo, 'v1.0.0');
    server.take();
    expect(Object.keys(await filesOf(repo, hash('c0')))).toHaveLength(21);
    const first = server.take();
    expect(first.counts).toEqual({ fetch: 1 });
    expect(first.bytes).toBeGreaterThan(wholeBytes);

    await readGoMod(repo, 'v1.1.0');
    server.take();
    expect(Object.keys(await filesOf(repo, hash('c1')))).toHaveLength(21);
    const second = server.take();
    expect(second.counts).toEqual({ fetch: 1 });
    expect(second.bytes).toBeLessThan(wholeBytes / 2);
    await filesOf(repo, hash('c1'));
    expect(server.take().trips).toBe(0);
  });

  test('for an archive of a folder is that folder, and the attributes above it', async () => {
    const { repo, server, hash, run } = await open();
    await run([
      { commit: 'attributes', files: { '.gitattributes': '* text eol=crlf\n', 'p3/x.txt': 'x\n' } },
    ]);
    await repo.stat('main', never);
    server.take();
    expect((await filesOf(repo, hash('attributes'), 'p3'))['p3/x.txt']).toBe('x\r\n');
    const { counts, bytes } = server.take();
    expect(counts).toEqual({ fetch: 1 });
    expect(bytes).toBeLessThan(wholeBytes / 5);
  });

  test('for an archive of very many files is asked for by their folder', async () => {
    const files = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`d/f${i}`, `${i}\n`]));
    const { repo, server, hash } = await open({}, [{ commit: 'many', files: { ...files, 'go.mod': 'm' } }]);
    await readGoMod(repo, 'main');
    server.take();
    expect(Object.keys(await filesOf(repo, hash('many'), 'd'))).toHaveLength(1500);
    expect(server.requests.at(-1)!.body.match(/want /g)).toHaveLength(1);
    expect(server.take().counts).toEqual({ fetch: 1 });
  });

  test('for the history are commits alone, and later those that came since', async () => {
    const { repo, server, hash, run } = await open();
    await repo.refs(never);
    expect(await repo.isAncestor('v1.0.0', hash('c4'), never)).toBe(true);
    const first = server.take();
    expect(first.bytes).toBeLessThan(5000);
    expect(await repo.isAncestor('v1.3.0', hash('c1'), never)).toBe(false);
    expect(server.take().trips).toBe(0);
    await run([{ commit: 'c5' }]);
    expect(await repo.isAncestor('v1.4.0', hash('c5'), never)).toBe(true);
    const { counts, bytes } = server.take();
    expect(counts).toEqual({ 'ls-refs': 1, fetch: 1 });
    expect(bytes).toBeLessThan(2500);
  });

  test('for the history leads to a HEAD that is on no branch', async () => {
    const { bed, server } = await open();
    const odd = await bed.repos.create('acme/odd', [
      { commit: 'one', tags: ['v1.0.0'] },
      { commit: 'two' },
      { branch: 'main', at: 'one' },
    ]);
    await odd.git(['update-ref', '--no-deref', 'HEAD', odd.hash('two')]);
    const repo = bed.git.open(bed.remote('acme/odd'));
    expect((await repo.stat('HEAD', never)).hash).toBe(odd.hash('two'));
    expect(await repo.recentTag(odd.hash('two'), '', () => true, never)).toBe('v1.0.0');
    expect(await repo.isAncestor('v1.0.0', odd.hash('two'), never)).toBe(true);
    expect(server.take().counts).toEqual({ advertisement: 1, 'ls-refs': 1, fetch: 2 });
  });

  test('for the history of very many tags is asked for in one request', async () => {
    const { bed, server } = await open();
    const tags = Array.from({ length: 25_000 }, (_, i) => `v1.0.${i}`);
    const steps = tags.map((tag): Step => ({ commit: tag, tags: [tag] }));
    const many = await bed.repos.create('acme/many', steps);
    const repo = bed.git.open(bed.remote('acme/many'));
    expect((await repo.refs(never)).tags.size).toBe(25_000);
    expect(await repo.isAncestor('v1.0.0', many.hash('v1.0.24999'), never)).toBe(true);
    expect(await repo.isAncestor('v1.0.24999', many.hash('v1.0.24998'), never)).toBe(false);
    // Before a large request the connection is tried with an empty one.
    expect(server.take().counts.fetch).toBeLessThanOrEqual(2);
  });

  test('never are refs beside branches and tags', async () => {
    const { repo, server, run } = await open();
    const pulls = Array.from({ length: 50 }, (_, i): Step => ({ ref: `refs/pull/${i}/head`, at: 'c0' }));
    await run(pulls);
    await repo.refs(never);
    expect(server.take().bytes).toBeLessThan(2000);
  });

  test('is everything where a remote gives only what it names itself', async () => {
    const { repo, server, hash } = await open();
    await repo.refs(never);
    server.fault('fetch', refusal, 2);
    expect(await textOf(repo, hash('c2'), 'go.mod')).toContain('// 2');
    server.take();
    expect(Object.keys(await filesOf(repo, hash('c0')))).toHaveLength(21);
    expect(server.take().trips).toBe(0);
  });

  test('is said where a remote does not give what it names', async () => {
    const { repo, server } = await open();
    server.fault('fetch', refusal, 9);
    expect(await failure(repo.stat('v1.0.0', never), 'upstream')).toContain('not our ref');
  });

  test('is nothing for a tag that leads to no commit', async () => {
    const { bed, repo, hash } = await open();
    const { git } = await bed.repos.create('acme/odd', [
      { commit: 'one', files: { a: 'a' }, tags: ['v1.0.0'] },
    ]);
    const blob = await git(['hash-object', '-w', '--stdin'], 'no commit');
    await git(['update-ref', 'refs/tags/blob', blob]);
    const odd = bed.git.open(bed.remote('acme/odd'));
    expect(await failure(odd.stat('blob', never), 'notFound')).toContain('is no commit');
    const { hash: one } = await odd.stat('v1.0.0', never);
    expect(await odd.isAncestor('blob', one, never)).toBe(false);
    expect(await odd.recentTag(one, '', () => true, never)).toBe('v1.0.0');
    expect((await repo.stat(hash('c0'), never)).hash).toBe(hash('c0'));
  });
});
