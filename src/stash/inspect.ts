import { isStoaError, StoaError } from '../errors.ts';
import { hashGoMod } from '../module/dirhash.ts';
import { quote } from '../module/quote.ts';
import { formatKey, type StoredExtension } from '../module/target.ts';
import type { ModuleVersion } from '../module/version.ts';
import type { Blob, BlobStore } from '../storage/store.ts';
import { type ExamineParts, examineBlob } from './examine-blob.ts';
import type { Proof, Vouched } from './proof.ts';
import type { StoredVersion } from './walk.ts';
import { hashText, type ZipFacts } from './zip-job.ts';

/** What a stored version was found to be. */
export interface Inspection extends ModuleVersion {
  /** Bytes of the content of its zip that were hashed. */
  readonly inflated: number;
  readonly faults: readonly Fault[];
  /** The database by which what was published is wrong, not only what became of it: then all of it is. */
  readonly contradicted?: Vouched;
  /** Why it cannot be told whether all of it is right. */
  readonly doubts: readonly string[];
  /** `unasked`: a database answers for it that was never asked. `hash`: none does, its `.ziphash` alone. */
  readonly heldAgainst: 'database' | 'hash' | 'unasked';
  /** Of the files that were read. */
  readonly identities: ReadonlyMap<StoredExtension, string>;
}

/** A file that is not what it must be. */
interface Fault {
  readonly file: StoredExtension;
  readonly expected: string;
  readonly found: string;
  /** The database that expects it; absent: what else is stored does. */
  readonly by?: string;
  /** The same as a clause. */
  readonly text: string;
}

/** Reads all of a stored version, and holds it against its published hash and what is vouched for. Throws only when aborted. */
export type Inspect = (version: StoredVersion, signal: AbortSignal) => Promise<Inspection>;

export interface InspectParts extends ExamineParts {
  readonly store: BlobStore;
  readonly proof: Proof;
  /** Whether a database answers for the modules of a path. */
  readonly isCovered: (path: string) => boolean;
  /** Versions that were never looked up are looked up now. */
  readonly asks: boolean;
}

/** What was read of a version; what is absent is not stored, or could not be read. */
interface Found {
  zip?: ZipFacts | { readonly invalid: string };
  published?: string;
  mod?: Buffer;
  info?: Buffer;
}

const h1Pattern = /^h1:[A-Za-z0-9+/]{43}=$/;

export function createInspect(parts: InspectParts): Inspect {
  const { store, proof, isCovered, asks } = parts;

  return async ({ path, version, files }, signal) => {
    const subject = { path, version };
    const doubts: string[] = [];
    const identities = new Map<StoredExtension, string>();
    const found: Found = {};

    /** Runs a part; where it fails, that is a doubt. */
    async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) throw error;
        doubts.push(error instanceof Error ? error.message : String(error));
        return undefined;
      }
    }

    async function read<T>(file: StoredExtension, use: (blob: Blob) => Promise<T>): Promise<T | undefined> {
      return attempt(async () => {
        await using blob = await store.get(formatKey(path, version, file), { signal });
        if (blob === undefined) return undefined;
        const used = await use(blob);
        identities.set(file, blob.identity);
        return used;
      });
    }

    async function readZip(blob: Blob): Promise<Found['zip']> {
      try {
        return await examineBlob(parts, subject, blob, signal);
      } catch (error) {
        if (!isStoaError(error, 'integrity')) throw error;
        return { invalid: error.message };
      }
    }

    async function readAll(): Promise<void> {
      const zip = files.has('zip') ? await read('zip', readZip) : undefined;
      // After the zip: whoever stores a version writes them in this order.
      const hash = await read('ziphash', readBytes);
      const mod = files.has('mod') ? await read('mod', readBytes) : undefined;
      const info = files.has('info') ? await read('info', readBytes) : undefined;
      Object.assign(found, { zip, mod, info, published: hash?.toString('latin1').trim() });
    }

    /** Of a look-up that is kept, unless it contradicts what is stored: then only of one that is proved again. */
    async function findVouched(): Promise<Vouched | undefined> {
      const recalled = await attempt(() => proof.recall(subject, signal));
      if (
        recalled === undefined ? !asks : !judge(subject, found, recalled).some(({ by }) => by !== undefined)
      )
        return recalled;
      const word = await attempt(() => proof.ask(subject, { signal, mustAnswer: true }));
      return word?.vouched;
    }

    await readAll();
    const vouched = await findVouched();
    const faults = judge(subject, found, vouched);
    const { zip, published } = found;
    if (zip !== undefined && published === undefined && vouched === undefined)
      doubts.push('nothing is known that its zip must be: it has no .ziphash');
    if (vouched === undefined && differsFromZip(found))
      doubts.push('its .mod is not the go.mod of its zip, which is right for some repositories');
    const isContradicted =
      faults.some(({ by }) => by !== undefined) && ![published, h1Of(zip)].includes(vouched?.sums.zip);
    return {
      path,
      version,
      inflated: zip !== undefined && 'inflated' in zip ? zip.inflated : 0,
      faults,
      ...(isContradicted && { contradicted: vouched! }),
      doubts,
      heldAgainst: vouched !== undefined ? 'database' : isCovered(path) ? 'unasked' : 'hash',
      identities,
    };
  };
}

/** What is wrong with what was read. */
function judge(
  { version }: ModuleVersion,
  { zip, published, mod, info }: Found,
  vouched: Vouched | undefined,
): Fault[] {
  const faults: Fault[] = [];
  const add = (file: StoredExtension, expected: string, found: string, by?: Vouched): void => {
    const text = `.${file}: expected${by === undefined ? '' : ` by ${by.by}`} ${expected}, found ${found}`;
    faults.push({ file, expected, found, ...(by !== undefined && { by: by.by }), text });
  };
  const agreed = published !== undefined && h1Pattern.test(published) ? published : undefined;
  if (published !== undefined && agreed === undefined)
    add('ziphash', h1Of(zip) ?? 'a hash', quote(published.slice(0, 100)));
  else if (agreed !== undefined && vouched !== undefined && agreed !== vouched.sums.zip)
    add('ziphash', vouched.sums.zip, agreed, vouched);
  const expected = vouched?.sums.zip ?? agreed;
  if (zip !== undefined && 'invalid' in zip) add('zip', expected ?? 'a zip of this version', zip.invalid);
  else if (zip !== undefined && expected !== undefined && zip.h1 !== expected)
    add('zip', expected, zip.h1, vouched);
  const modH1 = mod && hashGoMod(mod);
  if (modH1 !== undefined && vouched !== undefined && modH1 !== vouched.sums.mod)
    add('mod', vouched.sums.mod, modH1, vouched);
  const named = info && versionIn(info);
  if (info !== undefined && named !== version) add('info', version, quote(String(named)));
  return faults;
}

function h1Of(zip: Found['zip']): string | undefined {
  return zip !== undefined && 'h1' in zip ? zip.h1 : undefined;
}

function differsFromZip({ zip, mod }: Found): boolean {
  return zip !== undefined && 'goMod' in zip && mod !== undefined && zip.goMod !== hashText(mod);
}

/** The version that an `.info` names; undefined where it names none. */
function versionIn(info: Buffer): unknown {
  try {
    return (JSON.parse(info.toString()) as { Version?: unknown } | null)?.Version;
  } catch {
    return undefined;
  }
}

/** All of a small file; one that is larger than any is not read. */
async function readBytes(blob: Blob): Promise<Buffer> {
  if (blob.size > maxSmallBytes) throw new StoaError('storage', `a file of ${blob.size} bytes is too large`);
  const chunks: Buffer[] = [];
  for await (const chunk of blob.read()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Of the go.mod of a module: x/mod zip.MaxGoMod. */
const maxSmallBytes = 16 << 20;
