import { StoaError } from '../errors.ts';

/** Repositories whose URL begins with `from` are read from where it begins with `to` in its place. */
export interface Rewrite {
  readonly from: string;
  readonly to: string;
}

/**
 * Reads a list `https://github.com/=>https://git.example.com/mirror/,…`. Both sides name a host and go on at least to the
 * slash behind it, so that no longer host name can match or be made; `to` may be `file:///…`, up to a slash. Throws
 * `config` for anything else.
 */
export function parseRewrites(text: string): readonly Rewrite[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [from, to, ...more] = entry.split('=>').map((side) => side.trim());
      if (from === undefined || to === undefined || more.length > 0)
        throw wrong(entry, 'it is not of the form from=>to');
      if (!/^(https|ssh|git\+ssh):\/\/[^/\s]+\/\S*$/.test(from)) {
        throw wrong(entry, 'the left side is no https or ssh URL up to a slash');
      }
      if (!/^((https?|ssh):\/\/[^/\s]+\/\S*|file:\/\/\/(\S*\/)?)$/.test(to)) {
        throw wrong(entry, 'the right side is no https, http, ssh or file URL up to a slash');
      }
      if (/^https?:\/\/[^/]*@/.test(to) || /\/\/[^/]*:[^/]*@/.test(entry)) {
        throw wrong(entry, 'it holds a user or password; credentials have a setting of their own');
      }
      return { from, to };
    });
}

/** The URL that is asked in place of another: the rule with the longest `from` wins, as with git's `insteadOf`. */
export function rewriteUrl(url: string, rewrites: readonly Rewrite[]): string {
  const [rule] = rewrites
    .filter(({ from }) => url.startsWith(from))
    .sort((a, b) => b.from.length - a.from.length);
  return rule === undefined ? url : rule.to + url.slice(rule.from.length);
}

/** The hosts that the settings name by these rules, as `host` or `host:port`. */
export function rewriteHosts(rewrites: readonly Rewrite[]): string[] {
  return rewrites.flatMap(({ to }) => {
    const host = /^(?:https?|ssh):\/\/(?:[^/@]*@)?([^/]+)\//.exec(to)?.[1];
    return host === undefined ? [] : [host];
  });
}

function wrong(entry: string, why: string): StoaError {
  const shown = entry.replace(/\/\/[^/\s]*@/g, '//***@');
  return new StoaError('config', `the rewrite ${JSON.stringify(shown)}: ${why}`);
}
