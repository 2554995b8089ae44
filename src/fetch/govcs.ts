import { StoaError } from '../errors.ts';
import { matchesPatterns } from '../module/pattern.ts';
import type { VcsName } from './repo-root.ts';

/** Throws `notFound` where the rules do not let a system be used for the repository that has this import path. */
export type CheckVcs = (path: string, root: string, vcs: VcsName) => void;

/** A rule: for these roots, these systems. */
interface Rule {
  /** `public`, `private` or a pattern as in GOPRIVATE. */
  readonly pattern: string;
  readonly allowed: readonly string[];
}

/**
 * Which systems may be used for which repositories, as GOVCS says it (`go help vcs`): the first rule that is for a root
 * decides; behind those of `govcs` stand Go's own, `private:all,public:git|hg`. `privatePatterns` says what is private.
 * Throws `config` for rules that are none, in the words of the go command.
 */
export function createCheckVcs(govcs: string, privatePatterns: string): CheckVcs {
  const rules = [...parseRules(govcs), ...defaultRules];

  return (path, root, vcs) => {
    const isPrivate = matchesPatterns(privatePatterns, root);
    const rule = rules.find(({ pattern }) => {
      if (pattern === 'private' || pattern === 'public') return isPrivate === (pattern === 'private');
      return matchesPatterns(pattern, root);
    })!;
    if (rule.allowed.includes(vcs) || rule.allowed.includes('all')) return;
    const kind = isPrivate ? 'private' : 'public';
    throw new StoaError(
      'notFound',
      `${path}: GOVCS disallows using ${vcs} for ${kind} ${root}; see 'go help vcs'`,
    );
  };
}

/** One of the two is for every root. */
const defaultRules: readonly Rule[] = [
  { pattern: 'private', allowed: ['all'] },
  { pattern: 'public', allowed: ['git', 'hg'] },
];

function parseRules(text: string): Rule[] {
  if (text.trim() === '') return [];
  const entries = new Map<string, string>();
  return text.split(',').map((entry) => {
    const item = entry.trim();
    const shown = JSON.stringify(item);
    if (item === '') throw wrong('empty entry in GOVCS');
    const colon = item.indexOf(':');
    if (colon === -1) throw wrong(`malformed entry in GOVCS (missing colon): ${shown}`);
    const pattern = item.slice(0, colon).trim();
    const list = item.slice(colon + 1).trim();
    if (pattern === '') throw wrong(`empty pattern in GOVCS: ${shown}`);
    if (list === '') throw wrong(`empty VCS list in GOVCS: ${shown}`);
    if (/^\.\.?(\/|$)/.test(pattern)) {
      throw wrong(`relative pattern not allowed in GOVCS: ${JSON.stringify(pattern)}`);
    }
    const before = entries.get(pattern);
    if (before !== undefined) {
      throw wrong(`unreachable pattern in GOVCS: ${shown} after ${JSON.stringify(before)}`);
    }
    entries.set(pattern, item);
    const allowed = list.split('|').map((name) => name.trim());
    if (allowed.includes('')) throw wrong(`empty VCS name in GOVCS: ${shown}`);
    return { pattern, allowed };
  });
}

function wrong(message: string): StoaError {
  return new StoaError('config', message);
}
