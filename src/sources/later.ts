import { join } from 'node:path';
import { StoaError } from '../errors.ts';
import { type OwnFolder, openOwnFolder } from '../vcs/own-folder.ts';

/** What is opened in a folder when it is first needed; what failed is tried again by the next who needs it. */
export interface Later<T> {
  /** Throws `draining` after `close`. */
  get(): Promise<T>;
  /** What was opened, if it was. */
  readonly opened: T | undefined;
  close(): Promise<void>;
}

/** `given` is the folder; absent: one of its own, which goes in the end. */
export function openLater<T extends { close(): Promise<void> }>(
  given: string | undefined,
  open: (folder: string, signal: AbortSignal) => Promise<T>,
): Later<T> {
  const life = new AbortController();
  let opening: Promise<T> | undefined;
  let opened: T | undefined;
  let own: OwnFolder | undefined;

  async function openIn(): Promise<T> {
    if (given === undefined) own ??= await openOwnFolder({ name: 'vcs' });
    opened = await open(given ?? join(own!.path, 'copies'), life.signal);
    return opened;
  }

  return {
    async get() {
      if (life.signal.aborted) throw new StoaError('draining', 'the server is shutting down');
      opening ??= openIn();
      const current = opening;
      try {
        return await current;
      } catch (error) {
        if (opening === current) opening = undefined;
        throw error;
      }
    },
    get opened() {
      return opened;
    },
    async close() {
      life.abort();
      await (await opening?.catch(() => undefined))?.close();
      await own?.close();
    },
  };
}
