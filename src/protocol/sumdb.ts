import type { Ask, Ready } from '../stash/modules.ts';
import type { Answer } from './answer.ts';
import { type Caching, lasting } from './cache-control.ts';

/** The checksum databases that are served below `/sumdb/`: those that are passed on, and the ledger of the house. */
export interface Sumdb {
  /**
   * What a URL path behind `/sumdb/` asks for, percent-decoded. Throws `notFound` for a database that is not served here, which sends the
   * go command on, `malformed` for what none has, `denied` for what its database must not hear of.
   */
  parse(path: string): SumdbTarget;
}

/** One thing that is asked of a database, as often as it is asked. */
export interface SumdbTarget {
  /** The answer where it is in memory. */
  quick(): SumdbAnswer | undefined;
  answer(ask: Pick<Ask, 'signal' | 'via'>): Promise<SumdbAnswer>;
}

interface SumdbAnswer {
  readonly body: Uint8Array;
  /** The Content-Type. */
  readonly type: string;
  /** Seconds for which caches may keep it. */
  readonly maxAge: number;
}

/** Answers one request of the protocol of checksum databases (cmd/go/internal/modfetch/sumdb.go), at once where it can. */
export function answerSumdb(target: SumdbTarget, ask: Ask, caching: Caching): Ready<Answer> {
  const quick = target.quick();
  if (quick !== undefined) return answerOf(quick, caching);
  return target.answer(ask).then((answer) => answerOf(answer, caching));
}

function answerOf({ body, type, maxAge }: SumdbAnswer, caching: Caching): Answer {
  return {
    status: 200,
    contentType: type,
    cacheControl: maxAge === 0 ? 'no-store' : lasting(caching, maxAge),
    body,
  };
}
