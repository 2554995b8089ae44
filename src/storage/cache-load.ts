import { type CacheName, parseCacheName } from './cache-name.ts';
import { type FileOperations, isAbsence } from './disk-files.ts';
import { createDiskWalker, type DiskWalkerParts } from './disk-walk.ts';

/** A copy that was found in the folder of the cache. */
export interface FoundCopy extends CacheName {
  /** Of the file. */
  readonly name: string;
  readonly size: number;
}

/** The copies in a folder, those that were made first in front; files of other names are passed over. */
export async function loadCache(parts: DiskWalkerParts): Promise<readonly FoundCopy[]> {
  const found: { copy: FoundCopy; madeAt: bigint }[] = [];
  for await (const name of createDiskWalker(parts).list('')) {
    const parsed = parseCacheName(name);
    const stats = parsed && (await statIfThere(parts.files, `${parts.root}/${name}`));
    if (parsed === undefined || stats === undefined) continue;
    found.push({ copy: { ...parsed, name, size: Number(stats.size) }, madeAt: stats.mtimeNs });
  }
  return found.sort((a, b) => (a.madeAt < b.madeAt ? -1 : 1)).map(({ copy }) => copy);
}

async function statIfThere(files: FileOperations, path: string) {
  return files.statPath(path).catch((error: unknown) => {
    if (isAbsence(error)) return undefined;
    throw error;
  });
}
