import { parseKey } from '../module/target.ts';
import type { BlobStore, Listed } from '../storage/store.ts';

/** How much is stored, for the metrics. */
export interface Census {
  readonly versions: number;
  /** Of module files. */
  readonly bytes: number;
  /** Counts what is there; reads nothing but names and sizes, one after the other. */
  count(signal: AbortSignal): Promise<void>;
  /** A version was stored since. */
  add(bytes: number): void;
}

export function createCensus(store: BlobStore): Census {
  const total = { versions: 0, bytes: 0 };

  async function* lookedUp(signal: AbortSignal): AsyncGenerator<Listed> {
    for await (const key of store.list('', { signal }))
      if (parseKey(key) !== undefined) yield { key, size: (await store.stat(key, { signal }))?.size ?? 0 };
  }

  return {
    get versions() {
      return total.versions;
    },
    get bytes() {
      return total.bytes;
    },
    async count(signal) {
      let versions = 0;
      let bytes = 0;
      for await (const { key, size } of store.listSizes?.('', { signal }) ?? lookedUp(signal)) {
        const file = parseKey(key);
        if (file === undefined) continue;
        if (file.extension === 'zip') versions++;
        bytes += size;
      }
      Object.assign(total, { versions, bytes });
    },
    add(bytes) {
      total.versions++;
      total.bytes += bytes;
    },
  };
}
