/** A worker thread that has the catalog, since node:sqlite keeps its thread until SQLite has answered. Spoken to by thread.ts alone. */
import { parentPort, workerData } from 'node:worker_threads';
import { toStoaError } from '../errors.ts';
import { readProcesses } from '../storage/processes.ts';
import type { Catalog } from './catalog.ts';
import { createKeeper } from './keeper.ts';
import { openSqliteCatalog } from './sqlite-catalog.ts';
import type { FromThread, Method, ThreadData, ToThread } from './thread.ts';

/** What can be asked for from outside. */
function call(catalog: Catalog, method: Method, args: readonly unknown[]): Promise<unknown> {
  const { jobs } = catalog;
  const methods: Readonly<Record<Method, unknown>> = {
    apply: catalog.apply,
    asked: catalog.asked,
    versions: catalog.versions,
    missing: catalog.missing,
    events: catalog.events,
    prune: catalog.prune,
    claim: jobs.claim,
    renew: jobs.renew,
    settle: jobs.settle,
    list: jobs.list,
    count: jobs.count,
  };
  return (methods[method] as (...args: unknown[]) => Promise<unknown>)(...args);
}

async function serve(): Promise<void> {
  const { file, folder, owner } = workerData as ThreadData;
  const keeper = createKeeper({
    folder,
    owner,
    processes: await readProcesses(),
    open: (beforeFirst) => openSqliteCatalog(file, beforeFirst),
    report: (report) => tell({ type: 'report', report }),
    unreadable: (segment, line) => tell({ type: 'unreadable', segment, line: line.slice(0, 200) }),
  });

  async function answer(message: Exclude<ToThread, { type: 'poke' }>): Promise<unknown> {
    if (message.type === 'finish') return keeper.finish();
    return call(await keeper.catalog(), message.method, message.args);
  }

  parentPort!.on('message', (message: ToThread) => {
    if (message.type === 'poke') {
      keeper.poke();
      return;
    }
    const { id } = message;
    answer(message).then(
      (value) => tell({ type: 'value', id, value }),
      (error: unknown) => {
        const { kind, message: text } = toStoaError(error);
        tell({ type: 'error', id, kind, message: text });
      },
    );
  });
}

function tell(message: FromThread): void {
  parentPort!.postMessage(message);
}

await serve();
