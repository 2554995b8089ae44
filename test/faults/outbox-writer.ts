/**
 * A process that tells its catalog what happens until it is killed: `outbox-writer.ts FOLDER NAME`. It says `ready` when its code is
 * loaded, begins when it is told to, and says the number of each thing of which it was told that it is not lost, up to a thousand.
 */

import { once } from 'node:events';
import { join } from 'node:path';
import { openCatalog } from '../../src/catalog/open.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { createPoolGate } from '../../src/storage/pool-gate.ts';
import { quietLog } from '../fakes/quiet.ts';

const [folder, name] = process.argv.slice(2);
const catalog = await openCatalog({
  file: join(folder!, 'catalog.db'),
  outbox: join(folder!, 'outbox'),
  gate: createPoolGate(),
  log: quietLog,
  metrics: createMetrics({ version: 'test' }),
  handlers: {},
  shelf: { async *keys() {}, describe: async () => undefined },
});
process.stdout.write('ready\n');
await once(process.stdin, 'data');
void catalog.ready();
for (let count = 0; count < 1000; count++) {
  const path = `example.com/${name}`;
  const key = `${name}-${count}`;
  catalog.event('mismatch', { path, version: 'v1.0.0' }, key);
  await Promise.all([
    catalog.addJob({ kind: 'verify', key }),
    // After the event, so that it is not lost either when this is fulfilled.
    catalog.published({ path, version: `v1.${count}.0`, size: count, h1: 'h1:one=' }),
  ]);
  // Waits where nobody reads.
  await new Promise((resolve) => process.stdout.write(`${count}\n`, resolve));
}
