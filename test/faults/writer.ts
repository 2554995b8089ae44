/**
 * A process that serves first downloads until it is killed: `writer.ts ROOT UPSTREAM`. It says `ready` when its code is
 * loaded, reads what to serve as lines `path version file`, the last one `go`, and only then opens the store. What
 * was served to its end it says as `path version file sha256`, as a client that has the last byte would know it.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ModuleFile } from '../../src/fetch/fetcher.ts';
import { ask, openSmallHouse } from './small-house.ts';

const [root, upstream] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);

say('ready');
const asked: string[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'go') break;
  asked.push(line);
}
process.stdin.destroy();
await using house = await openSmallHouse(root!, upstream!);
await Promise.all(
  asked.map(async (line) => {
    const [path = '', version = '', file = ''] = line.split(' ');
    const opened = await house.stash.open({ path, version }, file as ModuleFile, ask());
    const hash = createHash('sha256');
    for await (const chunk of opened.read({ signal: ask().signal })) hash.update(chunk);
    await opened.close();
    say(`${line} ${hash.digest('hex')}`);
  }),
);
say('done');
