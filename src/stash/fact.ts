import type { BlobStore } from '../storage/store.ts';
import type { Behind } from './behind.ts';
import type { Ready } from './modules.ts';
import { readWhole } from './publish.ts';
import { createTier } from './tier.ts';

/** What a source once said to a question whose answer changes: a list, latest, a branch, an absence. */
export interface Fact {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly source: string;
  /** The answer; absent when the source said that there is none. */
  readonly text?: string;
  /** Why there is none. */
  readonly absent?: string;
  /** Why the answer may lack something, as the source's client knows. */
  readonly incomplete?: string;
}

/** Facts in memory and, so that a restart during an outage changes no answer, in storage under `fresh/`. */
export interface Facts {
  /** The last fact under a key, however old. */
  known(key: string): Ready<Fact | undefined>;
  /** Remembers a fact at once in memory, and soon in storage. */
  keep(key: string, fact: Fact): void;
}

/** Facts in `store`, of which up to `maxBytes` stay in memory. `life` ends the reads. */
export function createFacts(options: {
  readonly store: BlobStore;
  readonly maxBytes: number;
  readonly behind: Behind;
  readonly life: AbortSignal;
}): Facts {
  const { store, behind, life } = options;
  const memory = createTier<Fact>(options.maxBytes);

  async function load(key: string): Promise<Fact | undefined> {
    const bytes = await readWhole(store, `fresh/${key}`, life);
    if (bytes === undefined) return undefined;
    const fact = parseFact(bytes);
    if (fact !== undefined && memory.get(key) === undefined) memory.set(key, fact, bytes.length);
    return memory.get(key) ?? fact;
  }

  return {
    known: (key) => memory.get(key) ?? load(key),
    keep(key, fact) {
      memory.set(key, fact, (fact.text ?? fact.absent ?? '').length);
      behind.write(`fresh/${key}`, () => Buffer.from(JSON.stringify(fact)));
    },
  };
}

function parseFact(bytes: Buffer): Fact | undefined {
  try {
    const fact = JSON.parse(bytes.toString()) as Fact;
    const answered = typeof fact.text === 'string' || typeof fact.absent === 'string';
    return typeof fact.at === 'number' && typeof fact.source === 'string' && answered ? fact : undefined;
  } catch {
    return undefined;
  }
}
