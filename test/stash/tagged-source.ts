// A source that behaves as `direct` does, over commits that are nothing but their files.
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { StoaError } from '../../src/errors.ts';
import type { Fetcher, ModuleFile, Want } from '../../src/fetch/fetcher.ts';
import { type Files, type ModuleFixture, moduleFixture } from '../fakes/module-zip.ts';

/** What a commit holds, as a version of the module. */
interface CommitFiles {
  readonly files?: Files;
  /** Where attributes make the zip's another: the blob of go.mod. */
  readonly mod?: string;
}

export interface TaggedSource extends Fetcher {
  /** What was asked for, and the commit that was wanted. */
  readonly asked: { readonly file: ModuleFile; readonly commit: string | undefined }[];
  /** Called with each request, before it looks where the tag leads and again before it answers. */
  pause: (file: ModuleFile, when: 'before' | 'after') => Promise<void>;
  /** Makes the tag of a version lead to a commit, which is made of these files. Gives its hash. */
  tag(version: string, commit: string, content?: CommitFiles): Promise<string>;
  /** The files of a version at a commit. */
  at(version: string, hash: string): ModuleFixture;
  /** Answers with the commit of the tag whichever is wanted, as a source does that knows nothing of pins. */
  stubborn: boolean;
}

export function createTaggedSource(path: string): TaggedSource {
  const tags = new Map<string, string>();
  const fixtures = new Map<string, ModuleFixture>();
  const hashOf = (commit: string): string => createHash('sha1').update(commit).digest('hex');

  function commitOf(version: string): string {
    const hash = tags.get(version);
    if (hash === undefined)
      throw new StoaError('notFound', `${path}@${version}: unknown revision ${version}`);
    return hash;
  }

  const source: TaggedSource = {
    asked: [],
    pause: async () => undefined,
    stubborn: false,
    async tag(version, commit, content = {}) {
      const hash = hashOf(commit);
      const files = content.files ?? {
        'go.mod': `module ${path}\n\n// ${commit}\n`,
        'm.go': `package m // ${commit}\n`,
      };
      const info = JSON.stringify({
        Version: version,
        Time: '2024-01-01T00:00:00Z',
        Origin: { VCS: 'git', URL: `https://${path}`, Hash: hash, Ref: `refs/tags/${version}` },
      });
      fixtures.set(`${version} ${hash}`, await moduleFixture({ path, version }, { ...content, files, info }));
      tags.set(version, hash);
      return hash;
    },
    at: (version, hash) => fixtures.get(`${version} ${hash}`)!,
    list: async () => ({ source: 'direct', versions: [...tags.keys()], commits: new Map(tags) }),
    async query(_path, query) {
      const version = query === 'latest' ? [...tags.keys()].at(-1)! : query;
      const commit = commitOf(version);
      const { info, mod } = source.at(version, commit);
      return { source: 'direct', version, bytes: info, commit, goMod: mod };
    },
    async fetch({ version }, file, want: Want, spool, signal) {
      const wanted = await want.commit?.();
      source.asked.push({ file, commit: wanted });
      await source.pause(file, 'before');
      const tagged = commitOf(version);
      const read = source.stubborn ? tagged : (wanted ?? tagged);
      const fixture = source.at(version, read);
      await source.pause(file, 'after');
      await pipeline([fixture[file]], spool.begin({ source: 'direct' }), { signal });
      const moved = wanted !== undefined && tagged !== wanted;
      return { source: 'direct', info: fixture.info, goMod: fixture.mod, ...(moved && { moved: tagged }) };
    },
  };
  return source;
}
