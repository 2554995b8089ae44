// Reads an archive of a repository, given by its URL and a tag, over local copies in a folder, until it is killed.
import { createGitRepos } from '../../src/vcs/git.ts';
import { createRun } from '../../src/vcs/run.ts';
import { limits } from './bed.ts';

const [, , folder, url, tag] = process.argv as [string, string, string, string, string];
const run = createRun(limits);
const git = await createGitRepos({
  folder,
  maxBytes: 1e9,
  maxFetchBytes: 1e9,
  run,
  path: process.env.PATH!,
  stallMs: 1000,
});
const repo = git.open({ url, fetchUrl: url, key: url });
const signal = new AbortController().signal;
const { hash } = await repo.stat(tag, signal);
process.stdout.write('found\n');
await repo.archive(hash, '', signal);
process.stdout.write('fetched\n');
