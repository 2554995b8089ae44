import type { Recorder } from '../catalog/recorder.ts';
import { isStoaError, type StoaError } from '../errors.ts';
import type { Fetcher } from '../fetch/fetcher.ts';
import { hashGoMod } from '../module/dirhash.ts';
import { escapePath } from '../module/path.ts';
import { isPseudoVersion } from '../module/pseudo.ts';
import { sortVersions } from '../module/semver.ts';
import { escapeVersion, formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Fresh, Known } from './fresh.ts';
import { chooseLatest } from './latest.ts';
import type { Lists } from './lists.ts';
import type { Answered, Ask, Ready } from './modules.ts';
import type { Pins } from './pins.ts';
import { checkVouched, type Proof } from './proof.ts';
import { createTier } from './tier.ts';

/** Answers to `latest`, branches, tags and commits: each the `.info` of a version, which stands from then on. */
export interface Queries {
  answer(path: string, query: string, ask: Ask): Ready<Answered>;
  /** What is remembered of a module's answers was overtaken by a withdrawal. */
  forget(path: string): void;
}

/** `readFile` gives a stored or fetched file as text. */
export function createQueries(options: {
  readonly fetcher: Fetcher;
  readonly fresh: Fresh;
  readonly lists: Lists;
  readonly checkGone: (version: ModuleVersion) => void;
  readonly pins: Pins;
  readonly proof: Proof;
  readonly recorder: Recorder;
  readonly readFile: (version: ModuleVersion, file: 'info' | 'mod', ask: Ask) => Promise<string>;
  readonly freshMs: number;
  readonly memoryBytes: number;
  readonly now: () => number;
}): Queries {
  const { fetcher, fresh, lists, now } = options;
  const memos = createTier<{ readonly until: number; readonly answered: Answered }>(options.memoryBytes);

  type Answer = { readonly source: string; readonly text: string };

  async function fromSource(path: string, query: string, ask: Ask): Promise<Answer> {
    const { source, version, bytes, commit, goMod } = await fetcher.query(path, query, ask.signal, ask.via);
    const found = { path, version };
    options.checkGone(found);
    // Its `.info` pins the commit of a tag for good.
    if (goMod !== undefined && !isPseudoVersion(version))
      checkVouched(
        found,
        'mod',
        { h1: hashGoMod(goMod), source },
        await options.proof.ask(found, ask),
        options.recorder,
      );
    const standing = await options.pins.publishInfo(found, bytes, commit, ask.signal);
    return { source, text: Buffer.from(standing).toString() };
  }

  /** Latest as the go command would find it from the list, for sources that do not answer; fails with `why` where that does not help. */
  async function fromList(path: string, ask: Ask, why: StoaError): Promise<Answer> {
    try {
      // Where all that is listed was taken back, a commit that was once the newest is the best of what is here.
      const known = await Promise.all([lists.versions(path, ask), lists.stored(path, ask.signal)]);
      const versions = sortVersions([...new Set(known.flat())]);
      const readMod = (version: string) => options.readFile({ path, version }, 'mod', ask);
      const version = await chooseLatest(path, versions, readMod);
      if (version !== undefined)
        return { source: 'list', text: await options.readFile({ path, version }, 'info', ask) };
    } catch {
      // Why the source did not answer says more than why its list did not help.
    }
    throw why;
  }

  /** Only a source's own word is remembered as an answer: what is made of a list while it is down is not. */
  async function ask(path: string, query: string, ask: Ask): Promise<Known> {
    if (query !== 'latest') {
      const key = `${escapePath(path)}/@query/${escapeVersion(query)}`;
      return fresh.ask(key, (signal) => fromSource(path, query, sharedAsk(ask, signal)), ask);
    }
    const load = async (signal: AbortSignal): Promise<Answer> => {
      const shared = sharedAsk(ask, signal);
      try {
        return await fromSource(path, query, shared);
      } catch (error) {
        if (isStoaError(error, 'notFound')) return fromList(path, shared, error);
        throw error;
      }
    };
    try {
      return await fresh.ask(`${escapePath(path)}/@latest`, load, ask);
    } catch (error) {
      if (!sourceFailed(error)) throw error;
      const { source, text } = await fromList(path, ask, error);
      return { fact: { at: now(), source, text }, outcome: 'stale', caveat: error.message };
    }
  }

  async function answer(memoKey: string, path: string, query: string, asking: Ask): Promise<Answered> {
    const known = await ask(path, query, asking);
    const version = versionOf(known.fact.text);
    if (version !== undefined) options.checkGone({ path, version });
    const answered: Answered = {
      bytes: Buffer.from(known.fact.text),
      ageSeconds: Math.max(0, Math.floor((now() - known.fact.at) / 1000)),
      outcome: known.outcome,
      source: known.fact.source,
      ...(known.caveat !== undefined && { caveat: known.caveat }),
    };
    if (known.outcome !== 'stale') {
      const memo = {
        until: known.fact.at + options.freshMs,
        answered: { ...answered, outcome: 'hit' as const },
      };
      memos.set(memoKey, memo, answered.bytes.length);
    }
    return answered;
  }

  return {
    answer(path, query, ask) {
      const memoKey = formatModuleVersion({ path, version: query });
      const memo = memos.get(memoKey);
      return memo !== undefined && now() < memo.until ? memo.answered : answer(memoKey, path, query, ask);
    },
    forget: (path) => memos.delete(formatModuleVersion({ path, version: 'latest' })),
  };
}

/** The ask of work that others may join: it ends with the work, not with the one who began it. */
function sharedAsk({ asker, via }: Ask, signal: AbortSignal): Ask {
  return { asker, signal, ...(via !== undefined && { via }) };
}

function sourceFailed(error: unknown): error is StoaError {
  return isStoaError(error, 'upstream') || isStoaError(error, 'timeout') || isStoaError(error, 'overloaded');
}

function versionOf(info: string): string | undefined {
  const version: unknown = (JSON.parse(info) as { Version?: unknown }).Version;
  return typeof version === 'string' ? version : undefined;
}
