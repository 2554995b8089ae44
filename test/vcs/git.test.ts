import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Remote } from '../../src/vcs/remote.ts';
import { repoSuite } from '../conformance/repo.ts';
import type { RepoUnderTest } from '../conformance/repo-kit.ts';
import { type GitRepo, git, type Step } from '../fakes/git-repos.ts';
import { type BedOptions, openBed } from './bed.ts';
import { openFakeSsh } from './fake-ssh.ts';

interface Way extends BedOptions {
  readonly objectFormat?: 'sha1' | 'sha256';
  /** How the repository is reached, where it is not over HTTP. */
  readonly over?: (repo: GitRepo) => Partial<Remote>;
  /** Whether ssh passes on which protocol is spoken. */
  readonly sshProtocol?: boolean;
}

function opener({ objectFormat, over = () => ({}), sshProtocol = true, ...options }: Way) {
  return async (script: readonly Step[]): Promise<RepoUnderTest> => {
    const folder = await mkdtemp(join(tmpdir(), 'stoa-ssh-'));
    const { path } = await openFakeSsh(folder, { passesProtocol: sshProtocol });
    const bed = await openBed({ ...options, git: { path } });
    const repo = await bed.repos.create('acme/lib', script, objectFormat);
    return {
      repo: bed.git.open(bed.remote('acme/lib', over(repo))),
      hash: repo.hash,
      async run(steps) {
        await repo.run(steps);
        bed.later();
      },
      async [Symbol.asyncDispose]() {
        await bed[Symbol.asyncDispose]();
        await rm(folder, { recursive: true });
        expect(bed.run.running).toBe(0);
      },
    };
  };
}

function overSsh({ folder }: GitRepo): Partial<Remote> {
  return {
    fetchUrl: `ssh://git@git.example.com${folder}`,
    ssh: { hostName: '127.0.0.1', hostKeyAlias: 'git.example.com' },
  };
}

const ways: Readonly<Record<string, Way>> = {
  'git over HTTP': {},
  'git over HTTP that leaves nothing out': { server: { filter: false } },
  'git over HTTP in the first version of the protocol': { server: { protocol: 0 } },
  'git with hashes of SHA-256': { objectFormat: 'sha256' },
  'git in a folder': { over: ({ url }) => ({ fetchUrl: url }) },
  'git over ssh': { over: overSsh },
  'git over ssh in the first version of the protocol': { over: overSsh, sshProtocol: false },
};

describe.skipIf(git === undefined)('a repository', () => {
  for (const [name, way] of Object.entries(ways)) repoSuite(name, opener(way));
});
