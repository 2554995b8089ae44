import { isStoaError, StoaError, toStoaError } from '../errors.ts';
import { orAborted } from '../work/abortable.ts';
import { createShare } from '../work/share.ts';
import type { Fact, Facts } from './fact.ts';
import type { Ask } from './modules.ts';
import { createTier } from './tier.ts';

/** For how long a source's words hold. All in milliseconds. */
export interface Freshness {
  /** An answer is served without asking again. */
  readonly freshMs: number;
  /** An absence is. */
  readonly absentMs: number;
  /** Past `freshMs`, an answer is served at once while it is asked again behind it. */
  readonly revalidateMs: number;
  /** Past that too, a question waits this long for its source before the old answer is served. */
  readonly patienceMs: number;
  /** A source that failed is not asked the same again within this time, where an old answer is there. */
  readonly coolMs: number;
}

/** An answer and how it came to be. */
export interface Known {
  readonly fact: Fact & { readonly text: string };
  readonly outcome: 'hit' | 'miss' | 'stale';
  /** Why the answer may be old or lack something. */
  readonly caveat?: string;
}

/** What a source answered; `incomplete` says why it may lack something. */
interface SourceAnswer {
  readonly source: string;
  readonly text: string;
  readonly incomplete?: string;
}

/** Questions whose answers change, asked of the source as seldom as honesty allows. */
export interface Fresh {
  /**
   * The answer to the question `key`: from memory or storage while it is fresh, else from `load`, asked once for all
   * who wait. An answer, and an absence too, outlives its source: while `load` fails it stays what it was.
   */
  ask(key: string, load: (signal: AbortSignal) => Promise<SourceAnswer>, ask: Ask): Promise<Known>;
  /** Throws `notFound` when the source said lately, or ever while it is down, that there is no `key`. */
  recallAbsence(key: string, maxAgeMs?: number): Promise<void>;
  /** Remembers that the source said there is none. */
  keepAbsence(key: string, error: StoaError): void;
}

/** `deadlineMs` bounds one question to a source. */
export function createFresh(options: {
  readonly facts: Facts;
  readonly freshness: Freshness;
  readonly deadlineMs: number;
  readonly life: AbortSignal;
  readonly now: () => number;
}): Fresh {
  const { facts, freshness, life, now } = options;
  const share = createShare<Fact>({ deadlineMs: options.deadlineMs, life });
  const failures = createTier<{ readonly at: number; readonly error: StoaError }>(1024 * 1024);

  function remember(key: string, error: StoaError): Fact {
    const fact = { at: now(), source: '', absent: error.message };
    facts.keep(key, fact);
    return fact;
  }

  /** Asks the source; an absence is an answer here. */
  async function refresh(key: string, load: Parameters<Fresh['ask']>[1], signal: AbortSignal): Promise<Fact> {
    return share(key, signal, async (work) => {
      try {
        const fact = { at: now(), ...(await load(work)) };
        facts.keep(key, fact);
        failures.delete(key);
        return fact;
      } catch (error) {
        if (isStoaError(error, 'notFound')) return remember(key, error);
        const failure = toStoaError(error);
        if (failure.kind !== 'canceled')
          failures.set(key, { at: now(), error: failure }, failure.message.length);
        throw failure;
      }
    });
  }

  /** The source's new word, or its failure, or undefined when it takes longer than patience allows. */
  async function patiently(
    key: string,
    load: Parameters<Fresh['ask']>[1],
    signal: AbortSignal,
  ): Promise<Fact | StoaError | undefined> {
    const failed = failures.get(key);
    if (failed !== undefined && now() - failed.at < freshness.coolMs) return failed.error;
    const timer = Promise.withResolvers<undefined>();
    const timeout = setTimeout(() => timer.resolve(undefined), freshness.patienceMs);
    const asked = refresh(key, load, life).catch((error: unknown) => toStoaError(error));
    try {
      return await orAborted(Promise.race([asked, timer.promise]), signal);
    } finally {
      clearTimeout(timeout);
    }
  }

  async function ask(
    key: string,
    load: Parameters<Fresh['ask']>[1],
    { signal, cachedOnly }: Ask,
  ): Promise<Known> {
    const old = await facts.known(key);
    const age = old === undefined ? 0 : now() - old.at;
    if (old !== undefined && age < (old.text === undefined ? freshness.absentMs : freshness.freshMs))
      return answer(old, 'hit');
    if (cachedOnly === true)
      return answer(
        old ?? { at: 0, source: '', absent: 'not kept here, and the request forbids to fetch it' },
        'stale',
      );
    if (old === undefined) return answer(await refresh(key, load, signal), 'miss');
    if (old.text !== undefined && age < freshness.freshMs + freshness.revalidateMs) {
      const failed = failures.get(key);
      const cooling = failed !== undefined && now() - failed.at < freshness.coolMs;
      if (!cooling) refresh(key, load, life).catch(() => undefined);
      return answer(old, 'stale', cooling ? failed.error.message : undefined);
    }
    const asked = await patiently(key, load, signal);
    if (asked === undefined) return answer(old, 'stale', 'the source has not answered yet');
    return asked instanceof StoaError ? answer(old, 'stale', asked.message) : answer(asked, 'miss');
  }

  return {
    ask,
    async recallAbsence(key, maxAgeMs = freshness.absentMs) {
      const fact = await facts.known(key);
      if (fact?.absent !== undefined && now() - fact.at < maxAgeMs)
        throw new StoaError('notFound', fact.absent);
    },
    keepAbsence: (key, error) => void remember(key, error),
  };
}

function answer(fact: Fact, outcome: Known['outcome'], staleBecause?: string): Known {
  const { text } = fact;
  if (text === undefined) throw new StoaError('notFound', fact.absent ?? 'not found');
  const caveat = staleBecause ?? fact.incomplete;
  return { fact: { ...fact, text }, outcome, ...(caveat !== undefined && { caveat }) };
}
