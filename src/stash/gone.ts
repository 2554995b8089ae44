import { StoaError } from '../errors.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Log } from '../observe/log.ts';
import type { BlobStore } from '../storage/store.ts';
import { readWhole } from './publish.ts';

/** One `gone/<sequence>` key, as JSON: why a version was taken away. */
interface Tombstone {
  readonly module: string;
  readonly version: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly time: string;
  /** `administrator`: answered 410 from then on. `database`: the checksum database contradicted it; `verification`: its bytes had rotted. The right content may come again. */
  readonly by: 'administrator' | 'database' | 'verification';
  /** The h1 of what was taken away. */
  readonly h1?: string;
  /** An administrator took the withdrawal back. */
  readonly restored?: boolean;
}

/** The versions that were taken away, as all processes of the house know them within a few seconds. */
export interface Gone {
  /** Throws `gone` with the reason when an administrator withdrew the version. */
  check(version: ModuleVersion): void;
  has(version: ModuleVersion): boolean;
  /** Puts a tombstone, durable when this is fulfilled, and drops the version from every memory of this process. */
  add(stone: Tombstone, signal: AbortSignal): Promise<void>;
  /** Reads the tombstones that are new since the last call. */
  refresh(signal: AbortSignal): Promise<void>;
}

/** `drop` is called for each version of a new tombstone, so that it leaves every memory. */
export function createGone(options: {
  readonly store: BlobStore;
  readonly log: Log;
  readonly drop: (version: ModuleVersion) => void;
}): Gone {
  const { store, log } = options;
  const reasons = new Map<string, string>();
  const read = new Set<string>();

  function apply(stone: Tombstone): void {
    const version = { path: stone.module, version: stone.version };
    const name = formatModuleVersion(version);
    if (stone.restored === true) reasons.delete(name);
    else if (stone.by === 'administrator') reasons.set(name, stone.reason);
    options.drop(version);
  }

  return {
    check(version) {
      const name = formatModuleVersion(version);
      const reason = reasons.get(name);
      if (reason !== undefined) throw new StoaError('gone', `${name}: withdrawn: ${reason}`);
    },
    has: (version) => reasons.has(formatModuleVersion(version)),
    async add(stone, signal) {
      const body = Buffer.from(JSON.stringify(stone));
      let last = '';
      for await (const key of store.list(prefix, { signal })) last = key;
      for (let next = sequenceOf(last) + 1; ; next++) {
        const key = prefix + next.toString(16).padStart(16, '0');
        if (!(await store.put(key, body, { ifAbsent: true, signal }))) continue;
        read.add(key);
        apply(stone);
        return;
      }
    },
    async refresh(signal) {
      for await (const key of store.list(prefix, { signal })) {
        // Sequences of racing writers can appear out of order, so each key is remembered, not just the last.
        if (read.has(key)) continue;
        const bytes = await readWhole(store, key, signal);
        if (bytes === undefined) continue;
        read.add(key);
        const stone = parseTombstone(bytes);
        if (stone === undefined) log.error('a tombstone cannot be read', { key });
        else apply(stone);
      }
    },
  };
}

const prefix = 'gone/';

/** The number in a key; 0 where there is none. */
function sequenceOf(key: string): number {
  const digits = key.slice(prefix.length);
  return /^[\da-f]{16}$/.test(digits) ? Number.parseInt(digits, 16) : 0;
}

function parseTombstone(bytes: Buffer): Tombstone | undefined {
  try {
    const stone = JSON.parse(bytes.toString()) as Partial<Tombstone>;
    const texts = [stone.module, stone.version, stone.reason, stone.by];
    return texts.every((text) => typeof text === 'string') ? (stone as Tombstone) : undefined;
  } catch {
    return undefined;
  }
}
