/**
 * A process that looks versions up in a private log until it is killed: `ledger-writer.ts ROOT NAME`. It says `ready` when its
 * code is loaded, reads numbers of versions as lines, the last one `go`, and only then opens the store. For each it says
 * `number id zip size hash`, of the record and of the head above it as a client would have them, or `number refused`.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isStoaError } from '../../src/errors.ts';
import { checked } from '../../src/storage/checked.ts';
import { openDiskStore } from '../../src/storage/disk.ts';
import { openHead } from '../../src/sumdb/head.ts';
import { createLedger } from '../../src/sumdb/ledger.ts';
import { parseRecord } from '../../src/sumdb/record.ts';
import { parseSums } from '../../src/sumdb/sums.ts';
import { numbered, signerOf, sumsBy, verifier } from '../sumdb/ledger-versions.ts';

const [root = '', name = ''] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);
const { signal } = new AbortController();

say('ready');
const numbers: number[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'go') break;
  numbers.push(Number(line));
}
process.stdin.destroy();
const ledger = createLedger({
  signer: signerOf(),
  store: checked(await openDiskStore({ root })),
  proveLines: async (version) => sumsBy(version, name),
  log: { warn: say },
  recorder: { event() {} },
  deadlineMs: 60_000,
  life: signal,
});

async function lookUp(n: number): Promise<void> {
  const version = numbered(n);
  try {
    // What is logged by now, or what this process would log.
    if ((await ledger.find(version, signal)) === undefined)
      await ledger.add(version, sumsBy(version, name), signal);
  } catch (error) {
    if (!isStoaError(error, 'integrity')) throw error;
    say(`${n} refused`);
  }
  const { id, text, rest } = parseRecord(await ledger.record(version, signal));
  const { tree } = openHead(rest, verifier);
  const { zip } = parseSums(text.toString(), version);
  say(`${n} ${id} ${zip} ${tree.size} ${tree.hash.toString('base64')}`);
}

await Promise.all(numbers.map(lookUp));
await ledger.close();
say('done');
