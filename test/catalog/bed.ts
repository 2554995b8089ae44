import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { createDrain, type Drain } from '../../src/catalog/drain.ts';
import type { Entry } from '../../src/catalog/entry.ts';
import { createOutbox, type Outbox, type OutboxOptions } from '../../src/catalog/outbox.ts';
import { type OpenCatalog, openSqliteCatalog } from '../../src/catalog/sqlite-catalog.ts';
import { createPoolGate } from '../../src/storage/pool-gate.ts';
import { ownName, type ProcessMark, type ProcessTable } from '../../src/storage/processes.ts';
import { openFolder } from '../conformance/store-kit.ts';

/** An outbox, its reading end, and the catalog, in one thread. */
export interface Bed extends AsyncDisposable {
  readonly folder: string;
  readonly file: string;
  /** The own name of this process. */
  readonly owner: string;
  outbox(options?: Partial<OutboxOptions>): Outbox;
  /** Over the catalog as it is now. */
  drain(owner?: string): Drain;
  catalog(): Catalog;
  /** Opens the file anew. */
  reopen(): Promise<void>;
  /** What is known of other processes; else they have ended. */
  readonly states: Map<number, 'running' | 'ended' | 'unknown'>;
  readonly lost: { count: number };
  readonly pending: { bytes: number };
  readonly unreadable: string[];
  readonly applied: Entry[];
  readonly clock: { now: number };
  /** The files of the outboxes, and the lines in each. */
  lines(): Promise<Record<string, string[]>>;
  /** Writes a segment as another process left it. */
  leave(pid: number, text: string): Promise<string>;
}

export async function openBed(): Promise<Bed> {
  const root = await openFolder();
  const folder = join(root.path, 'outbox');
  const file = join(root.path, 'catalog.db');
  const mark: ProcessMark = { place: '0123456789ab', pid: process.pid, start: '17' };
  const owner = ownName(mark);
  const states: Bed['states'] = new Map();
  const processes: ProcessTable = { self: mark, state: async ({ pid }) => states.get(pid) ?? 'ended' };
  const [lost, pending, clock] = [{ count: 0 }, { bytes: 0 }, { now: Date.now() }];
  const unreadable: string[] = [];
  const applied: Entry[] = [];
  let open: OpenCatalog | undefined = await openSqliteCatalog(file, () => undefined);
  await mkdir(folder);
  return {
    folder,
    file,
    owner,
    states,
    lost,
    pending,
    unreadable,
    applied,
    clock,
    outbox: (options) =>
      createOutbox({
        folder,
        owner,
        gate: createPoolGate(),
        maxBytes: 1024 * 1024,
        pending: () => pending.bytes,
        appended: (bytes) => {
          pending.bytes += bytes;
        },
        lost: () => void lost.count++,
        retryMs: 5,
        ...options,
      }),
    drain: (reader = owner) =>
      createDrain({
        folder,
        owner: reader,
        catalog: async () => open!.catalog,
        processes,
        applied: (entries) => void applied.push(...entries),
        unreadable: (_, line) => void unreadable.push(line),
        now: () => clock.now,
      }),
    catalog: () => open!.catalog,
    async reopen() {
      await open?.close();
      open = undefined;
      open = await openSqliteCatalog(file, () => undefined);
    },
    async lines() {
      const names = (await readdir(folder)).sort();
      const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
      return Object.fromEntries(names.map((name, i) => [name, texts[i]!.split('\n').slice(0, -1)]));
    },
    async leave(pid, text) {
      const name = `${ownName({ ...mark, pid })}-00000001.jsonl`;
      await writeFile(join(folder, name), text);
      return name;
    },
    async [Symbol.asyncDispose]() {
      await open?.close();
      await root[Symbol.asyncDispose]();
    },
  };
}
