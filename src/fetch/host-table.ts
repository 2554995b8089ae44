import { StoaError } from '../errors.ts';
import { hasPathPrefix, isSecureScheme, type VcsName, vcsNames } from './repo-root.ts';

/** What a path says of its repository by itself. */
export interface TableRoot {
  readonly root: string;
  readonly vcs: VcsName;
  /** Where it may be, the likeliest first: several where the path does not tell the scheme. At least one. */
  readonly urls: readonly [string, ...string[]];
}

/**
 * The repository of a module path on a host whose paths are known, or of one that names its system as `….git` does
 * (vcsPaths in cmd/go/internal/vcs/vcs.go). Undefined for all others: they are asked themselves. Where the path does not tell
 * the scheme, one over which others may change what is read counts only for an `insecure` module. Throws `notFound` for a path
 * that a known host cannot have.
 */
export function tableRoot(path: string, insecure = false): TableRoot | undefined {
  const host = hosts.find(({ prefix }) => hasPathPrefix(path, prefix));
  if (host === undefined) return suffixRoot(path, insecure);
  const root = host.pattern.exec(path)?.[1];
  if (root === undefined) {
    throw new StoaError('notFound', `${path}: invalid ${host.prefix} import path`);
  }
  if (host.plainName && vcsNames.some((vcs) => root.endsWith(`.${vcs}`))) {
    throw new StoaError('notFound', `${path}: invalid version control suffix in ${host.prefix}/ path`);
  }
  return { root, vcs: host.vcs, urls: [`https://${root}`] };
}

interface KnownHost {
  readonly prefix: string;
  /** Its one group is the root. */
  readonly pattern: RegExp;
  readonly vcs: VcsName;
  /** Its repositories are not named as `….git`. */
  readonly plainName: boolean;
}

const hosts: readonly KnownHost[] = [
  {
    prefix: 'github.com',
    pattern: /^(github\.com\/[\w.-]+\/[\w.-]+)(?:\/[\w.-]+)*$/,
    vcs: 'git',
    plainName: true,
  },
  {
    prefix: 'bitbucket.org',
    pattern: /^(bitbucket\.org\/[\w.-]+\/[\w.-]+)(?:\/[\w.-]+)*$/,
    vcs: 'git',
    plainName: true,
  },
  {
    prefix: 'hub.jazz.net/git',
    pattern: /^(hub\.jazz\.net\/git\/[a-z0-9]+\/[\w.-]+)(?:\/[\w.-]+)*$/,
    vcs: 'git',
    plainName: true,
  },
  {
    prefix: 'git.apache.org',
    pattern: /^(git\.apache\.org\/[a-z0-9_.-]+\.git)(?:\/[\w.-]+)*$/,
    vcs: 'git',
    plainName: false,
  },
  {
    prefix: 'git.openstack.org',
    pattern: /^(git\.openstack\.org\/[\w.-]+\/[\w.-]+)(?:\/[\w.-]+)*$/,
    vcs: 'git',
    plainName: false,
  },
  {
    prefix: 'chiselapp.com',
    pattern: /^(chiselapp\.com\/user\/[A-Za-z0-9]+\/repository\/[\w.-]+)$/,
    vcs: 'fossil',
    plainName: false,
  },
];

/**
 * The schemes of each system, in the order in which the go command tries them (Scheme of cmd/go/internal/vcs.Cmd). It begins
 * with `git` for git, over which nothing is read here.
 */
const schemes: Readonly<Record<VcsName, readonly string[]>> = {
  git: ['https', 'http', 'git+ssh', 'ssh'],
  hg: ['https', 'http', 'ssh'],
  svn: ['https', 'http', 'svn', 'svn+ssh'],
  fossil: ['https', 'http'],
};

/**
 * The root that ends with the last path element that has the suffix of a system. It is found by elements, since the go
 * command's expression for it takes exponential time where expressions backtrack.
 */
function suffixRoot(path: string, insecure: boolean): TableRoot | undefined {
  const [host, ...elements] = path.split('/');
  if (
    !/^[a-z0-9.-]+\.[a-z0-9.-]+$/.test(host!) ||
    !elements.every((element) => /^~?[\w.-]+$/.test(element))
  ) {
    return undefined;
  }
  const at = elements.findLastIndex((element) => suffix.test(element));
  if (at === -1) return undefined;
  const root = [host, ...elements.slice(0, at + 1)].join('/');
  const vcs = suffix.exec(root)![1] as VcsName;
  const repo = root.slice(0, -`.${vcs}`.length);
  const allowed = schemes[vcs].filter((scheme) => insecure || isSecureScheme(scheme));
  const [first, ...others] = allowed.map((scheme) => `${scheme}://${repo}`);
  return { root, vcs, urls: [first!, ...others] };
}

const suffix = new RegExp(`[\\w.-]\\.(${vcsNames.join('|')})$`);
