import { isStoaError, StoaError } from '../errors.ts';
import { prerelease } from '../module/semver.ts';
import { formatKey } from '../module/target.ts';
import { formatModuleVersion, isModuleVersion } from '../module/version.ts';
import { readZipDirectory } from '../module/zip.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Lists } from './lists.ts';

/**
 * What can be said of a path while its source is down. The go command asks for every prefix of a package path, and a
 * failure for one that is no module ends the build although the module is stored. A path is a package of a stored
 * module, and so no module of its own, when that module's zip holds files in its folder.
 */
export interface Below {
  /**
   * Runs a question about `path` (at `version`, where it names one, which need not fit the path: the major version of a
   * package's module is not seen in all of its prefixes). When it fails because the source is down and the path is a
   * package of a stored module, the failure is thrown as `notFound`.
   */
  guard<T>(
    path: string,
    version: string | undefined,
    signal: AbortSignal,
    question: () => Promise<T>,
  ): Promise<T>;
}

/** The end of a zip that has its directory, of nearly all zips; more is read where that does not do. */
const tailBytes = 1024 * 1024;

/** Of so many stored versions the zips are looked into for a question that names none. */
const maxCandidates = 16;

export function createBelow({ store, lists }: { readonly store: BlobStore; readonly lists: Lists }): Below {
  /** The names in a stored zip; undefined where there is none. */
  async function names(
    path: string,
    version: string,
    signal: AbortSignal,
  ): Promise<readonly string[] | undefined> {
    const key = formatKey(path, version, 'zip');
    const info = await store.stat(key, { signal });
    if (info === undefined) return undefined;
    for (let length = tailBytes; ; length *= 16) {
      const start = Math.max(0, info.size - length);
      const tail = await readFrom(store, key, start, signal);
      try {
        const entries = readZipDirectory(info.size, (offset, wanted) => {
          if (offset < start) throw new RangeError('before the tail');
          return tail.subarray(offset - start, offset - start + wanted);
        });
        return entries.map((entry) => entry.name);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
  }

  /** The versions of a module that a question may have meant, the likeliest first. */
  async function candidates(
    path: string,
    version: string | undefined,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    if (version !== undefined)
      return [version, `${version}+incompatible`].filter((name) => isModuleVersion(path, name));
    const newest = (await lists.stored(path, signal)).toReversed();
    const isRelease = (name: string): boolean => prerelease(name) === '';
    return [...newest.filter(isRelease), ...newest.filter((name) => !isRelease(name))].slice(
      0,
      maxCandidates,
    );
  }

  /** The stored module version, of a shorter path, of which this path is a package. */
  async function holder(
    path: string,
    version: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      for (const candidate of await candidates(parent, version, signal)) {
        const subject = formatModuleVersion({ path: parent, version: candidate });
        const folder = `${subject}/${path.slice(slash + 1)}/`;
        if ((await names(parent, candidate, signal))?.some((name) => name.startsWith(folder))) return subject;
      }
    }
    return undefined;
  }

  return {
    async guard(path, version, signal, question) {
      try {
        return await question();
      } catch (error) {
        if (!isStoaError(error, 'upstream') && !isStoaError(error, 'timeout')) throw error;
        const module = await holder(path, version, signal).catch(() => undefined);
        if (module === undefined) throw error;
        throw new StoaError(
          'notFound',
          `${path}: a package of ${module}, which is stored here; its source cannot be asked for a module of this path`,
          { cause: error },
        );
      }
    },
  };
}

async function readFrom(store: BlobStore, key: string, start: number, signal: AbortSignal): Promise<Buffer> {
  await using blob = await store.get(key, { start, signal });
  const chunks: Buffer[] = [];
  if (blob !== undefined) for await (const chunk of blob.read()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
