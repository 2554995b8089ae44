/**
 * A process through whose store files go, in and twice out, a small one first: it tells by how many bytes its memory grew for
 * the large one beyond what the small one took.
 */
import { openRaceStore, type RaceStore } from './race-child.ts';

const [described, folder, small, large] = process.argv.slice(2);
const store = await openRaceStore(JSON.parse(described!) as RaceStore, 0);

/** In and out twice, of a file that is called by its size. */
async function passThrough(size: number): Promise<void> {
  const key = `example.com/m${size}/@v/v1.0.0.zip`;
  await store.put(key, { file: `${folder}/${size}`, size }, { ifAbsent: true });
  for (let round = 0; round < 2; round++) {
    await using blob = await store.get(key);
    let bytes = 0;
    for await (const chunk of blob!.read()) bytes += chunk.length;
    if (bytes !== size) throw new Error(`${bytes} bytes came, not ${size}`);
  }
}

let most = 0;
const watch = setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss());
}, 5);
await passThrough(Number(small));
const before = most;
await passThrough(Number(large));
clearInterval(watch);
process.stdout.write(String(Math.max(0, most - before)));
process.exit(0);
