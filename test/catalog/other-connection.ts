/**
 * A catalog over a connection in a thread of its own: a connection of SQLite keeps its thread while it waits for the lock that
 * another one has, so two of them in one thread would wait for each other.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { migrate } from '../../src/catalog/migrations.ts';
import { createSqlCatalog } from '../../src/catalog/sql-catalog.ts';
import { openSqlite } from '../../src/catalog/sqlite.ts';

export interface OtherConnection extends AsyncDisposable {
  readonly catalog: Catalog;
}

interface Message {
  readonly id: number;
  readonly path: readonly string[];
  readonly args: readonly unknown[];
}

/** `clock` holds the time, for both sides. */
export async function openElsewhere(file: string, clock: Float64Array): Promise<OtherConnection> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { file, clock } });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let ids = 0;
  worker.on('message', ({ id, value, error }) => {
    if (error === undefined) waiting.get(id)?.resolve(value);
    else waiting.get(id)?.reject(new Error(error));
  });
  const ask = (path: readonly string[], args: readonly unknown[]): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>();
    waiting.set(++ids, answer);
    worker.postMessage({ id: ids, path, args } satisfies Message);
    return answer.promise;
  };
  const methods = (before: readonly string[]): object =>
    new Proxy(
      {},
      {
        get: (_, name) => {
          if (name === 'then') return undefined;
          const path = [...before, String(name)];
          return name === 'jobs' ? methods(path) : (...args: unknown[]) => ask(path, args);
        },
      },
    );
  await ask([], []);
  return {
    catalog: methods([]) as Catalog,
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  };
}

async function serve(): Promise<void> {
  const { file, clock } = workerData as { file: string; clock: Float64Array };
  const { db } = openSqlite(file);
  await migrate(db, file, () => undefined);
  const catalog = createSqlCatalog({ db, where: file, now: () => clock[0]! });
  parentPort!.on('message', async ({ id, path, args }: Message) => {
    try {
      const method = path.reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], catalog);
      const value =
        path.length === 0 ? undefined : await (method as (...args: unknown[]) => unknown)(...args);
      parentPort!.postMessage({ id, value });
    } catch (error) {
      parentPort!.postMessage({ id, error: String(error) });
    }
  });
}

if (!isMainThread && workerData?.clock instanceof Float64Array) await serve();
