import { parseKey } from '../module/target.ts';
import type { ModuleVersion } from '../module/version.ts';

/** Gathers what was asked for, to be noted in the catalog now and then. */
export interface Asked {
  /** A file of this storage key was served. On the path of every hit: it adds to a set, and nothing else. */
  add(key: string): void;
  /** Notes what was gathered; what could not be noted is kept for the next time, within the bound. */
  flush(): Promise<void>;
}

/** Keys that are gathered; further ones are not noted, unless they are asked for again later. */
const defaultMax = 32_768;

export function createAsked(options: {
  readonly note: (versions: readonly ModuleVersion[], at: number) => Promise<void>;
  readonly now: () => number;
  readonly max?: number;
}): Asked {
  const { note, now, max = defaultMax } = options;
  let keys = new Set<string>();

  return {
    add(key) {
      if (keys.size < max) keys.add(key);
    },
    async flush() {
      if (keys.size === 0) return;
      const gathered = keys;
      keys = new Set();
      try {
        await note(versionsOf(gathered), now());
      } catch (error) {
        for (const key of gathered) if (keys.size < max) keys.add(key);
        throw error;
      }
    },
  };
}

/** The versions whose files these are, each once. */
function versionsOf(keys: ReadonlySet<string>): readonly ModuleVersion[] {
  const versions = new Map<string, ModuleVersion>();
  for (const key of keys) {
    const file = parseKey(key);
    if (file !== undefined)
      versions.set(key.slice(0, -file.extension.length), { path: file.path, version: file.version });
  }
  return [...versions.values()];
}
