import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientResult } from './client.ts';
import type { BenchData } from './data.ts';
import type { Figures } from './figures.ts';
import type { Get } from './load.ts';
import type { Processes } from './processes.ts';
import { type Server, type ServerKind, startServer } from './servers.ts';

/** What every scenario is given. */
export interface Bench {
  readonly processes: Processes;
  readonly figures: Figures;
  readonly data: BenchData;
  /** Of this run alone; removed at its end. */
  readonly folder: string;
  /** The servers that are there. */
  readonly kinds: readonly ServerKind[];
  readonly lines: Lines;
  readonly get: Get;
  /** Of a hot row. */
  readonly seconds: number;
  /** Fewer repetitions and smaller crowds, to try the benchmark itself. */
  readonly quick: boolean;
  /** Takes the real modules of the environment's GOPROXY for `go mod download`. */
  readonly real: boolean;
  /** Does the work of one server in a row; where that fails the row lacks the server's figures, the report says why, and the run goes on. */
  attempt(row: string, server: string, work: () => Promise<void>): Promise<void>;
  /** True where the row is among those asked for. */
  wanted(row: string): boolean;
  say(text: string): void;
}

/** The ways to the upstream: URLs that answer the same. */
export interface Lines {
  /** Bare loopback, 30 ms a request. */
  readonly loopback: string;
  /** Through the relay: 30 ms and 100 Mbit/s. */
  readonly relay: string;
  /** How often the upstream was asked for each path since the last time this was called, whatever the line. */
  counts(): Promise<Readonly<Record<string, number>>>;
}

/** The servers on empty folders with that source, for as long as the work takes; then they and their folders are gone. */
export async function withServers(
  bench: Bench,
  source: string,
  work: (servers: readonly Server[]) => Promise<void>,
  kinds: readonly ServerKind[] = bench.kinds.filter(({ fetches }) => fetches),
): Promise<void> {
  const servers: Server[] = [];
  const folders = kinds.map(({ name }) => join(bench.folder, name));
  try {
    for (const [number, kind] of kinds.entries()) {
      const served = kind.fetches ? source : join(bench.folder, 'static');
      servers.push(await startServer(bench.processes, kind, { folder: folders[number]!, source: served }));
    }
    await work(servers);
  } finally {
    for (const server of servers) await server.stop();
    for (const folder of folders) removeFolder(folder);
  }
}

/** Removes a folder, whatever a server left in it. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** The results, where all of them are whole answers with status 200; else it throws. */
export function successes(what: string, results: readonly ClientResult[]): readonly ClientResult[] {
  const bad = results.find(({ status, failure }) => status !== 200 || failure !== undefined);
  if (bad !== undefined) throw new Error(`${what}: status ${bad.status}, ${bad.failure ?? 'whole'}`);
  return results;
}
