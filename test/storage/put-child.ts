/**
 * A process that writes to a disk store: `loop ROOT` puts until it is killed, `race ROOT SEED` puts fixed
 * keys if they are absent, once it is told to go.
 */
import { unlink } from 'node:fs/promises';
import { fileBody, openFolder, pattern, reusing } from '../conformance/store-kit.ts';
import { openChecked } from './disk-kit.ts';

const [mode, root, seed] = process.argv.slice(2);
const store = await openChecked({ root: root! });
await using folder = await openFolder();
const say = (line: string) => process.stdout.write(`${line}\n`);

if (mode === 'loop') {
  // The key tells the content: v<seed>.<size>.
  await Promise.all(
    [0, 1, 2, 3].map(async (lane) => {
      for (let i = lane; ; i += 4) {
        const number = process.pid * 10_000 + i;
        const bytes = pattern(((i * 7919) % 300_000) + 1, number);
        const key = `example.com/m${i % 5}/@v/v${number}.${bytes.length}.0.zip`;
        const file = await fileBody(folder.path, `body${i}`, bytes);
        await store.put(key, [bytes, reusing(bytes), file][i % 3]!, { ifAbsent: i % 2 === 0 });
        await unlink(file.file);
        say(key);
      }
    }),
  );
} else {
  say('ready');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  for (let i = 0; i < 100; i++) {
    const bytes = pattern(20_000 + i, Number(seed) * 1000 + i);
    if (await store.put(`example.com/race/@v/v1.${i}.0.zip`, bytes, { ifAbsent: true })) say(String(i));
  }
  process.stdin.destroy();
}
