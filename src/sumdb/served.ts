import type { Ledger } from './ledger.ts';
import { answerLedger } from './ledger-answer.ts';
import type { Mirror, MirrorAnswer } from './mirror.ts';
import { parseSumdbTarget } from './target.ts';

/** The databases as they are served below `/sumdb/`: those that are passed on, and our own. */
export interface Served {
  /** What a URL path behind `/sumdb/` asks for. Throws as `Mirror.parse` does. */
  parse(path: string): ServedTarget;
}

interface ServedTarget {
  /** The answer where it is in memory. */
  quick(): MirrorAnswer | undefined;
  answer(ask: { readonly signal: AbortSignal; readonly via?: string }): Promise<MirrorAnswer>;
}

/** Seconds for which caches may keep what never changes, and what is answered under a newer head tomorrow. */
const forEver = 365 * 24 * 3600;
const aMinute = 60;

export function serveDatabases(mirror: Mirror, ledger?: Ledger): Served {
  function ofLedger(own: Ledger, path: string): ServedTarget {
    const target = parseSumdbTarget(path);
    return {
      quick: () => undefined,
      async answer({ signal }) {
        const { body, type, isForEver } = await answerLedger(own, target, signal);
        return { body, type, maxAge: isForEver ? forEver : target.kind === 'latest' ? 0 : aMinute };
      },
    };
  }

  return {
    parse(path) {
      if (ledger !== undefined && path.startsWith(`${ledger.name}/`))
        return ofLedger(ledger, path.slice(ledger.name.length + 1));
      const target = mirror.parse(path);
      return {
        quick: () => mirror.quick(target),
        answer: ({ signal, via }) => mirror.answer(target, signal, via),
      };
    },
  };
}
