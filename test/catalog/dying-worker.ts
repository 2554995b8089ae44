/** A thread that dies of the first call, and is a good one when it is started again. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

const mark = join(workerData.folder, 'died');
if (existsSync(mark)) await import('../../src/catalog/catalog-worker.ts');
else
  parentPort!.on('message', () => {
    writeFileSync(mark, 'once');
    throw new Error('struck by a fault');
  });
