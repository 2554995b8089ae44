import type { Published } from '../catalog/entry.ts';
import { hashGoMod } from '../module/dirhash.ts';
import { formatKey, type StoredExtension } from '../module/target.ts';
import type { ModuleVersion } from '../module/version.ts';
import type { BlobStore } from '../storage/store.ts';
import type { Proof } from './proof.ts';
import { readWhole } from './publish.ts';

/** What a stored version is, and who vouches for it, read from storage; undefined where no hash of it is stored. */
export async function describeStored(
  { store, proof }: { readonly store: BlobStore; readonly proof: Pick<Proof, 'recall'> },
  { path, version }: ModuleVersion,
  signal: AbortSignal,
): Promise<Published | undefined> {
  const key = (extension: StoredExtension): string => formatKey(path, version, extension);
  const hash = await readWhole(store, key('ziphash'), signal);
  if (hash === undefined) return undefined;
  const mod = await readWhole(store, key('mod'), signal);
  const h1 = hash.toString('latin1').trim();
  const vouched = await proof.recall({ path, version }, signal);
  const size = (await store.stat(key('zip'), { signal }))?.size;
  return {
    path,
    version,
    h1,
    ...(mod !== undefined && { modH1: hashGoMod(mod) }),
    ...(size !== undefined && { size }),
    ...(vouched?.sums.zip === h1 && { verified: vouched.by }),
  };
}
