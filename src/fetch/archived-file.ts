import { pipeline } from 'node:stream/promises';
import { maxGoModBytes } from '../module/zip.ts';
import type { Repo } from '../vcs/repo.ts';
import { createTarReader, discard } from './tar.ts';

/**
 * A go.mod or another small file of a commit with the text that its archive gives it, which attributes of the repository can
 * make another one than the blob's. Undefined where it is no file, and for one over 16 MiB, which no zip may have.
 */
export async function readArchivedFile(
  repo: Repo,
  commit: string,
  file: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  let content: Buffer | undefined;
  const tar = createTarReader(file, ({ name, type, size }) => {
    if (name !== file || type !== 'file' || size > maxGoModBytes) return discard;
    const bytes = Buffer.alloc(size);
    let filled = 0;
    content = bytes;
    return {
      content(piece) {
        bytes.set(piece, filled);
        filled += piece.length;
      },
      end: () => undefined,
    };
  });
  const archive = await repo.archive(commit, file, signal);
  await pipeline(
    archive,
    async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) tar.push(chunk);
      tar.finish();
    },
    { signal },
  );
  return content;
}
