import type { Recorder } from '../catalog/recorder.ts';
import { isStoaError, StoaError } from '../errors.ts';
import { formatKey } from '../module/target.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { BlobStore, FileBody } from '../storage/store.ts';

/**
 * How content becomes the one content of a version: put if absent, and where that lost or its answer was lost,
 * read what stands. Equal content goes on as if it had won; different content is dropped, recorded and refused.
 */
export interface Publisher {
  /** Publishes an `.info` or `.mod` and gives the bytes that stand, which may be another's. */
  small(
    version: ModuleVersion,
    file: 'info' | 'mod',
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array>;
  /** Publishes a verified zip; throws `integrity` where another zip stands. */
  zip(version: ModuleVersion, body: FileBody, h1: string, signal: AbortSignal): Promise<void>;
  /** Publishes the hash of a stored zip, which binds every later fetch; throws `integrity` where another hash stands. */
  zipHash(version: ModuleVersion, h1: string, signal: AbortSignal): Promise<void>;
  /** The published hash of the zip, if there is one. */
  readZipHash(version: ModuleVersion, signal: AbortSignal): Promise<string | undefined>;
}

/** `hashStored` hashes the zip that stands, for the moment when another has stored it but not yet its hash. */
export function createPublisher(options: {
  readonly store: BlobStore;
  readonly recorder: Recorder;
  readonly hashStored: (version: ModuleVersion, signal: AbortSignal) => Promise<string>;
}): Publisher {
  const { store, recorder } = options;

  /** Puts if absent; undefined when ours stands, else what stands instead, read by `read`. */
  async function putOrRead<T>(
    put: () => Promise<boolean>,
    read: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    try {
      if (await put()) return undefined;
    } catch (error) {
      if (isStoaError(error, 'canceled')) throw error;
      // The put may have won before its answer was lost.
      const standing = await read().catch(() => undefined);
      if (standing === undefined) throw error;
      return standing;
    }
    const standing = await read();
    if (standing === undefined)
      throw new StoaError('storage', 'a file was there when it was to be written, and gone when it was read');
    return standing;
  }

  function differs(version: ModuleVersion, file: string, ours: string, theirs: string): StoaError {
    const problem = `the ${file} that came (${ours}) is not the one that was served before (${theirs})`;
    recorder.event('mismatch', version, problem);
    return new StoaError('integrity', `${formatModuleVersion(version)}: ${problem}`);
  }

  async function readZipHash(version: ModuleVersion, signal: AbortSignal): Promise<string | undefined> {
    const bytes = await readWhole(store, formatKey(version.path, version.version, 'ziphash'), signal);
    return bytes?.toString('latin1').trim();
  }

  return {
    async small(version, file, bytes, signal) {
      const key = formatKey(version.path, version.version, file);
      const standing = await putOrRead(
        () => store.put(key, bytes, { ifAbsent: true, signal }),
        () => readWhole(store, key, signal),
      );
      if (standing === undefined) return bytes;
      // Another upstream may write the same facts in other bytes; a go.mod has no second form.
      if (file === 'mod' && !standing.equals(bytes))
        recorder.event('mismatch', version, 'the .mod that came is not the one that was served before');
      return standing;
    },

    async zip(version, body, h1, signal) {
      const key = formatKey(version.path, version.version, 'zip');
      const standing = await putOrRead(
        () => store.put(key, body, { ifAbsent: true, signal }),
        async () => {
          if ((await store.stat(key, { signal })) === undefined) return undefined;
          return (await readZipHash(version, signal)) ?? options.hashStored(version, signal);
        },
      );
      if (standing !== undefined && standing !== h1) throw differs(version, 'zip', h1, standing);
    },

    async zipHash(version, h1, signal) {
      const key = formatKey(version.path, version.version, 'ziphash');
      const standing = await putOrRead(
        () => store.put(key, Buffer.from(h1), { ifAbsent: true, signal }),
        () => readZipHash(version, signal),
      );
      if (standing !== undefined && standing !== h1) throw differs(version, 'zip', h1, standing);
    },

    readZipHash,
  };
}

/** The whole content of a small blob; undefined where there is none. */
export async function readWhole(
  store: BlobStore,
  key: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  await using blob = await store.get(key, { signal });
  if (blob === undefined) return undefined;
  const whole = Buffer.allocUnsafeSlow(blob.length);
  let at = 0;
  for await (const chunk of blob.read()) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
