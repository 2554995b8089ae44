// A checksum database that knows the modules it is given, a process of its own: `sumdb.ts MODULE…`. Told its port and its key to its
// parent; to each message it answers how often it was asked for anything since the last one.

import { hashGoMod } from '../src/module/dirhash.ts';
import { createZipJob } from '../src/stash/zip-job.ts';
import { startSumdb } from '../test/fakes/sumdb.ts';
import { createData, version } from './data.ts';

/** Records beside them: three levels of tiles, as the public database has. */
const others = 70_000;

const data = createData();
const database = await startSumdb({ name: 'sum.bench.example.com' });
database.grow(others);
for (const path of process.argv.slice(2)) {
  const zip = Buffer.concat(data.zip(path, version));
  const job = createZipJob({ path, version }, (start, length) => zip.subarray(start, start + length));
  const { h1 } = await job.finish(zip.length);
  database.add({ path, version }, { zip: h1, mod: hashGoMod(data.mod(path)) });
}
let counted = 0;
process.on('message', () => {
  const targets = database.requests.slice(counted);
  counted = database.requests.length;
  process.send?.(targets.length);
});
process.on('disconnect', () => process.exit());
process.send?.({ url: database.url, key: database.verifierKey });
