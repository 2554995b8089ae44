import { isStoaError, StoaError } from '../errors.ts';
import { checkModuleVersion, formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Log } from '../observe/log.ts';
import { isKey } from '../storage/key.ts';
import type { BlobStore } from '../storage/store.ts';
import { createShare } from '../work/share.ts';
import { type Head, openHead } from './head.ts';
import type { Heads } from './heads.ts';
import { lookupTarget, targetKey } from './keys.ts';
import type { Verifier } from './note.ts';
import { readStored } from './read-stored.ts';
import { formatRecord, parseRecord } from './record.ts';
import type { Remote } from './remote.ts';
import { parseSums, type Sums } from './sums.ts';
import type { Tiles } from './tiles.ts';
import { recordHash, storedHashIndex } from './tlog.ts';

/** What a database knows of versions, proved. */
export interface Lookups {
  find(version: ModuleVersion, signal: AbortSignal, via?: string): Promise<Found>;
  /** The same where it is in memory. */
  peek(version: ModuleVersion): Found | undefined;
}

interface Found {
  readonly sums: Sums;
  /** The record as the database answers it, below a head whose tree holds it. */
  readonly answer: Buffer;
}

export interface LookupsOptions {
  readonly verifier: Verifier;
  readonly remote: Remote;
  readonly store: BlobStore;
  readonly tiles: Tiles;
  readonly heads: Heads;
  readonly log: Log;
  /** Milliseconds that a look-up may take. */
  readonly deadlineMs: number;
}

export function createLookups(options: LookupsOptions): Lookups {
  const { verifier, remote, store, tiles, heads, log, deadlineMs } = options;
  const { name } = verifier;
  const share = createShare<Found>({ deadlineMs });
  /** What was proved last: that takes a millisecond or two, and a record never changes. */
  const recent = new Map<string, Found>();

  function peek(version: ModuleVersion): Found | undefined {
    const subject = formatModuleVersion(version);
    const found = recent.get(subject);
    if (found !== undefined) remember(subject, found);
    return found;
  }

  function remember(subject: string, found: Found): void {
    recent.delete(subject);
    recent.set(subject, found);
    if (recent.size > maxRecent) recent.delete(recent.keys().next().value!);
  }

  /** Whoever asks for a version at the same time waits for the same answer. */
  async function find(version: ModuleVersion, signal: AbortSignal, via?: string): Promise<Found> {
    checkModuleVersion(version.path, version.version);
    const known = peek(version);
    if (known !== undefined) return known;
    const subject = formatModuleVersion(version);
    try {
      const found = await share(subject, signal, (work) => search(version, work, via));
      remember(subject, found);
      return found;
    } catch (error) {
      if (!isStoaError(error) || error.message.startsWith(subject)) throw error;
      const { kind, message, retryAfter } = error;
      throw new StoaError(kind, `${subject}: not verified: ${message}`, {
        cause: error,
        ...(retryAfter !== undefined && { retryAfter }),
      });
    }
  }

  async function search(
    version: ModuleVersion,
    signal: AbortSignal,
    via: string | undefined,
  ): Promise<Found> {
    const target = lookupTarget(version);
    const key = targetKey(name, target);
    // A path of the greatest length has no key with its version behind it: it is asked for each time.
    const stored = isKey(key) ? await readStored(store, key, signal) : undefined;
    const kept = stored && (await proveStored(stored, version, key, signal, via));
    if (kept !== undefined) return kept;
    const subject = formatModuleVersion(version);
    const answer = await remote.read({ target, subject, maxBytes: maxLookupBytes }, signal, via);
    const found = await prove(answer, version, signal, via, (note) => heads.believe(note, signal, via));
    if (isKey(key)) await store.put(key, found.answer, { signal });
    return found;
  }

  /** Under its own head, which was believed when it was stored: this needs nothing that was not stored with it. */
  async function proveStored(
    stored: Buffer,
    version: ModuleVersion,
    key: string,
    signal: AbortSignal,
    via: string | undefined,
  ): Promise<Found | undefined> {
    try {
      return await prove(stored, version, signal, via, async (note) => openHead(note, verifier));
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      log.warn('a stored look-up is wrong and is asked for again', { key, reason: error.message });
      return undefined;
    }
  }

  /** Only the text of the record counts, and only when the log has it: not what else an answer may hold. */
  async function prove(
    answer: Buffer,
    version: ModuleVersion,
    signal: AbortSignal,
    via: string | undefined,
    open: (note: Buffer) => Promise<Head>,
  ): Promise<Found> {
    const { id, text, rest } = parseRecord(answer);
    const own = await open(rest);
    const sums = parseSums(text.toString(), version);
    const head = id < own.tree.size ? own : await heads.newest(signal, via);
    if (head === undefined || id >= head.tree.size)
      throw new StoaError(
        'integrity',
        `the checksum database ${name} signed no tree that holds its record ${id}`,
      );
    const proved = await tiles.readHashes(head.tree, [storedHashIndex(0, id)], signal, via);
    if (!proved.hashes[0]!.equals(recordHash(text)))
      throw new StoaError(
        'integrity',
        `the checksum database ${name} answered another record ${id} than its log has`,
      );
    await proved.keep();
    return { sums, answer: Buffer.concat([formatRecord(id, text), head.note]) };
  }

  return { find, peek };
}

/** Answers, of less than a KiB each. */
const maxRecent = 4096;
/** A record is short; a note may have many signatures. */
const maxLookupBytes = 2 ** 20;
