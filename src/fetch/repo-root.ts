/** The version control systems a module may be read from (cmd/go/internal/vcs, vcsList). */
export const vcsNames = ['git', 'hg', 'svn', 'fossil'] as const;
export type VcsName = (typeof vcsNames)[number];

/** The repository that a module path leads to, and where in it the path begins (vcs.RepoRoot of cmd/go). */
export interface RepoRoot {
  /** The import path that stands for the repository, or for `subdir` of it: the module path itself or what it begins with. */
  readonly root: string;
  /** `mod` where `isMod`. */
  readonly vcs: VcsName | 'mod';
  /** The public URL, as it stands in the table or on the page. For a `git` one see remotes.ts. */
  readonly url: string;
  /** A folder of the repository, without a slash at its beginning; it may hold `..` and end in a slash. */
  readonly subdir?: string;
  /** The URL is that of a module proxy, by the word of a page: whoever asks it must not send it a credential it is not owed. */
  readonly isMod?: boolean;
}

/** True when a path is `prefix` or lies below it, by whole elements; a slash at the end of `prefix` is part of it. */
export function hasPathPrefix(path: string, prefix: string): boolean {
  if (path.length === prefix.length || prefix === '') return path.startsWith(prefix);
  return path.startsWith(prefix) && (prefix.endsWith('/') || path[prefix.length] === '/');
}

/** True for the schemes over which nobody on the way can change what is read (cmd/go/internal/vcs, defaultSecureScheme). */
export function isSecureScheme(scheme: string): boolean {
  return secureSchemes.includes(scheme);
}

const secureSchemes: readonly string[] = ['https', 'git+ssh', 'svn+ssh', 'ssh'];
