import type { Secret } from '../net/credentials.ts';

/** How the servers of repositories want a token: as what git knows, a user and a password, or in a header. */
export const tokenKinds = ['bearer', 'github', 'gitlab', 'gitea', 'bitbucket', 'azure'] as const;
export type TokenKind = (typeof tokenKinds)[number];

/** The user that stands for "see the password"; what it is does not matter to GitLab, Gitea, Forgejo and Azure DevOps. */
const users: Readonly<Record<Exclude<TokenKind, 'bearer'>, string>> = {
  github: 'x-access-token',
  gitlab: 'oauth2',
  gitea: 'oauth2',
  bitbucket: 'x-token-auth',
  azure: 'stoa',
};

const publicHosts: Readonly<Record<string, TokenKind>> = {
  'github.com': 'github',
  'gitlab.com': 'gitlab',
  'codeberg.org': 'gitea',
  'gitea.com': 'gitea',
  'bitbucket.org': 'bitbucket',
  'dev.azure.com': 'azure',
};

/** A token as its host wants it; without a kind, by the name of the host, and else as a bearer token. */
export function tokenSecret(host: string, token: string, kind?: TokenKind): Secret {
  const known = kind ?? publicHosts[host.toLowerCase()] ?? 'bearer';
  return known === 'bearer'
    ? { kind: 'bearer', token }
    : { kind: 'basic', username: users[known], password: token };
}
