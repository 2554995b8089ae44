import type { Mirror, MirrorAnswer } from './mirror.ts';

/** The databases as they are served below `/sumdb/`. */
export interface Served {
  /** What a URL path behind `/sumdb/` asks for. Throws as `Mirror.parse` does. */
  parse(path: string): ServedTarget;
}

interface ServedTarget {
  /** The answer where it is in memory. */
  quick(): MirrorAnswer | undefined;
  answer(ask: { readonly signal: AbortSignal; readonly via?: string }): Promise<MirrorAnswer>;
}

export function serveDatabases(mirror: Mirror): Served {
  return {
    parse(path) {
      const target = mirror.parse(path);
      return {
        quick: () => mirror.quick(target),
        answer: ({ signal, via }) => mirror.answer(target, signal, via),
      };
    },
  };
}
