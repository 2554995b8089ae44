import { hash } from 'node:crypto';

/** What a name in the folder of the cache says: `<key>~<tag>`, where the tag stands for the identity the blob has in its store. */
export interface CacheName {
  readonly key: string;
  readonly tag: string;
}

/** The identity itself where it is short and plain, else a hash of it. */
export function tagOf(identity: string): string {
  return /^[\w-]{1,80}$/.test(identity) ? identity : hash('sha256', identity).slice(0, 32);
}

/** The name in the folder; undefined where it would be longer than a file system takes. */
export function formatCacheName({ key, tag }: CacheName): string | undefined {
  const name = `${key}~${tag}`;
  return name.length - name.lastIndexOf('/') - 1 > 255 ? undefined : name;
}

/** The name of a file in the folder, which somebody else may have put there. */
export function parseCacheName(name: string): CacheName | undefined {
  const end = name.lastIndexOf('~');
  const [key, tag] = [name.slice(0, end), name.slice(end + 1)];
  return end > 0 && /^[\w-]{1,80}$/.test(tag) ? { key, tag } : undefined;
}
