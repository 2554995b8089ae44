import { type GitSetup, gitCommand } from './git-command.ts';
import { DamageError } from './git-failure.ts';
import type { Output } from './run.ts';

/** Questions to a repository with the whole history of its branches and tags, whose names are in it too. */
export interface GitHistory {
  /** Whether a branch or tag is at this commit or comes after it. */
  isReachable(commit: string, signal: AbortSignal): Promise<boolean>;
  /** Whether a commit is the other, or comes before it; both are here. */
  isAncestor(commit: string, later: string, signal: AbortSignal): Promise<boolean>;
  /** The tags at this commit and before it. */
  tagsBefore(commit: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** Milliseconds for one question; that is for histories of millions of commits. */
const questionMs = 120_000;
const maxOutput = 64 * 1024 * 1024;

export function createHistory(setup: GitSetup, folder: string): GitHistory {
  function run(args: readonly string[], signal: AbortSignal): Promise<Output> {
    const command = gitCommand(setup, args, { folder });
    return setup.run.output(command, signal, { timeoutMs: questionMs, maxBytes: maxOutput });
  }

  return {
    async isReachable(commit, signal) {
      const output = await run(['rev-list', '-n1', commit, '--not', '--branches', '--tags', '--'], signal);
      if (output.code === 0) return output.stdout.length === 0;
      // A commit that was fetched alone, and that no branch or tag leads to any more, has no parents here.
      if (/Failed to traverse parents/.test(output.stderr) && !/corrupt|inflate/.test(output.stderr))
        return false;
      throw new DamageError(output.stderr);
    },
    async isAncestor(commit, later, signal) {
      const output = await run(['merge-base', '--is-ancestor', '--end-of-options', commit, later], signal);
      if (output.code !== 0 && output.code !== 1) throw new DamageError(output.stderr);
      return output.code === 0;
    },
    async tagsBefore(commit, signal) {
      const output = await run(
        ['for-each-ref', '--format=%(refname)', `--merged=${commit}`, 'refs/tags'],
        signal,
      );
      if (output.code !== 0) throw new DamageError(output.stderr);
      return Array.from(output.stdout.toString().matchAll(/^refs\/tags\/(.+)$/gm), ([, tag]) => tag!);
    },
  };
}

/** Writes the table that makes such questions quick. It is only that: where it can't be written nothing is lost. */
export async function writeCommitGraph(setup: GitSetup, folder: string, signal: AbortSignal): Promise<void> {
  const command = gitCommand(setup, ['commit-graph', 'write', '--reachable', '--no-progress'], { folder });
  await setup.run.output(command, signal, { timeoutMs: questionMs, maxBytes: maxOutput });
}
