import { latestAnswer, lookupAnswer, type SumdbAnswer, supportedAnswer, tileAnswer } from './answer.ts';
import type { Ledger } from './ledger.ts';
import type { Mirror } from './mirror.ts';
import { parseSumdbTarget, type SumdbTarget } from './target.ts';

/** The databases as they are served below `/sumdb/`: those that are passed on, and our own where there is one. */
export interface Served {
  /** What a URL path behind `/sumdb/` asks for. Throws as `Mirror.parse` does. */
  parse(path: string): ServedTarget;
}

interface ServedTarget {
  /** The answer where it is in memory. */
  quick(): SumdbAnswer | undefined;
  answer(ask: { readonly signal: AbortSignal; readonly via?: string }): Promise<SumdbAnswer>;
}

export function serveDatabases(mirror: Mirror, ledger?: Ledger): Served {
  return {
    parse(path) {
      if (ledger !== undefined && path.startsWith(`${ledger.name}/`)) {
        const target = parseSumdbTarget(path.slice(ledger.name.length + 1));
        return { quick: () => undefined, answer: ({ signal }) => answerLedger(ledger, target, signal) };
      }
      const target = mirror.parse(path);
      return {
        quick: () => mirror.quick(target),
        answer: ({ signal, via }) => mirror.answer(target, signal, via),
      };
    },
  };
}

async function answerLedger(ledger: Ledger, target: SumdbTarget, signal: AbortSignal): Promise<SumdbAnswer> {
  switch (target.kind) {
    case 'supported':
      return supportedAnswer;
    case 'latest':
      return latestAnswer(await ledger.latest(signal));
    case 'lookup':
      return lookupAnswer(await ledger.record(target.version, signal));
    case 'tile':
      return tileAnswer(target.tile, await ledger.tile(target.tile, signal));
  }
}
