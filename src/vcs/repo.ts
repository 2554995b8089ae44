import type { Readable } from 'node:stream';

/**
 * The contract of a repository under version control, below any notion of modules. One suite
 * (test/conformance/repo.ts) holds for every implementation. The meaning follows `codehost.Repo`
 * (cmd/go/internal/modfetch/codehost/codehost.go).
 *
 * Errors: `notFound` only when the remote itself said so (no such repository, revision or file); `upstream` when it
 * refused us or could not say; `timeout`, `canceled`, `overloaded`; `integrity` for broken objects; `storage` when
 * the local copy cannot be kept. Messages hold the remote's reason in plain words and never a credential.
 */
export interface Repo {
  /** The name of the system, as in `Origin.VCS`. */
  readonly vcs: string;
  /** The public URL, as in `Origin.URL`: never that of a mirror it is read from. */
  readonly url: string;
  /**
   * What the remote has now, or had a moment ago (two seconds at most): one question to it, shared by all who ask at once
   * or shortly after each other. So one request, and those for the prefixes of one path, ask once.
   */
  refs(signal: AbortSignal): Promise<Refs>;
  /**
   * The commit that a revision names: a tag before a branch, `HEAD`, a whole hash or at least seven digits of one.
   * Only commits that a branch or tag leads to exist (codehost/git.go, "unreachable-hash"). Throws `notFound` with
   * `unknown revision <rev>` or `ambiguous revision <rev>` behind the URL: what the go command says.
   */
  stat(rev: string, signal: AbortSignal): Promise<Revision>;
  /**
   * A file of a commit, its raw blob; that of a symbolic link is the name it leads to, as the go command reads it
   * (`git cat-file blob`). Undefined where the commit has nothing there, a folder or a submodule. Throws `integrity`
   * beyond `maxBytes`. Fetches no more than the file needs.
   */
  readFile(
    commit: string,
    file: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  /** All files below a folder (`''` for the root) of a commit, in the order of the archive. */
  files(commit: string, folder: string, signal: AbortSignal): Promise<readonly RepoFile[]>;
  /**
   * The same files with their content as a tar stream (`git archive` with the attributes of the go command, see
   * section 3.6 of the protocol), or one of them where `path` is that of a file; names relative to the repository's
   * root. The caller reads it to its end or destroys it; a failure midway destroys it with a StoaError.
   */
  archive(commit: string, path: string, signal: AbortSignal): Promise<Readable>;
  /**
   * The highest tag by semver that begins with `prefix`, is allowed, and is on an ancestor of the commit or the
   * commit itself; undefined where there is none.
   */
  recentTag(
    commit: string,
    prefix: string,
    allowed: (tag: string) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /** Whether the commit of a tag is an ancestor of a commit, or the commit itself. */
  isAncestor(tag: string, commit: string, signal: AbortSignal): Promise<boolean>;
}

/** The names of a remote at one moment. Annotated tags are told by the commit they lead to. */
export interface Refs {
  /** The commit of the default branch; absent in an empty repository. */
  readonly head?: string;
  /** Commits by branch, without `refs/heads/`. */
  readonly branches: ReadonlyMap<string, string>;
  /** Commits by tag, without `refs/tags/`. */
  readonly tags: ReadonlyMap<string, string>;
}

/** A commit, and how it was found. */
export interface Revision {
  /** All hex digits, lower-case. */
  readonly hash: string;
  /** Committer time. */
  readonly time: Date;
  /** The tags that lead to it, in order of their bytes. */
  readonly tags: readonly string[];
  /** The whole name of the ref that was asked for (`refs/tags/v1.0.0`, `refs/heads/main`, `HEAD`); absent for a hash. */
  readonly ref?: string;
}

/** An entry of a commit's tree that is no folder. */
export interface RepoFile {
  /** From the root of the repository, separated by slashes. */
  readonly name: string;
  readonly kind: 'file' | 'link' | 'other';
}
