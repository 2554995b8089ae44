import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { loadSettings, SettingsError } from '../config/load.ts';
import type { Machine } from '../config/machine.ts';
import type { Settings } from '../config/schema.ts';
import { isStoaError } from '../errors.ts';
import { createLog } from '../observe/log.ts';
import { exitCodes, type Invocation } from './command.ts';

/** `stoa ledger init <name> [file]`: makes the key of a private log, and says what is to be set where. */
export async function initLedger({ args, out, err }: Invocation): Promise<number> {
  const [name, file = `${name}.key`, ...more] = args;
  if (name === undefined || name.startsWith('-') || more.length > 0) {
    err(
      'stoa ledger init: give the name of the log, such as sum.example.com, and perhaps a file for its key',
    );
    return exitCodes.usage.code;
  }
  try {
    const { makeLedgerKey } = await import('../sumdb/ledger-signer.ts');
    const { signerKey, verifierKey } = makeLedgerKey(name, randomBytes(32));
    // Never over a key that is there: what it signed could not be gone on with.
    writeFileSync(file, `${signerKey}\n`, { flag: 'wx', mode: 0o600, flush: true });
    out(`private key   ${file}; keep a copy of it, and show it to nobody`);
    out(`verifier key  ${verifierKey}`);
    out('');
    out(`servers       STOA_LEDGER_KEY_FILE=${file}`);
    out(`clients       go env -w GOSUMDB=${verifierKey}`);
    out('              go env -u GONOSUMDB GOPRIVATE');
    return exitCodes.ok.code;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    err(`stoa ledger init: ${error.message}`);
    return isStoaError(error, 'malformed') ? exitCodes.usage.code : exitCodes.failed.code;
  }
}

/** `stoa ledger key`: the verifier key, which clients are told. */
export function showLedgerKey(invocation: Invocation, machine: Partial<Machine> = {}): Promise<number> {
  return withLedger(invocation, machine, async (_, signer) => {
    invocation.out(signer.verifierKey);
    return exitCodes.ok.code;
  });
}

/** `stoa ledger verify`: computes the log again from its commits, and holds everything that is stored against it. */
export function checkLedger(invocation: Invocation, machine: Partial<Machine> = {}): Promise<number> {
  const { out, err } = invocation;
  return withLedger(invocation, machine, async (settings, signer) => {
    const [{ openStoreAlone }, { verifyLedger }] = await Promise.all([
      import('../stores/open.ts'),
      import('../sumdb/ledger-verify.ts'),
    ]);
    const opened = await openStoreAlone(
      settings,
      createLog({ level: 'error', format: 'plain', service: 'stoa' }),
    );
    const report = await verifyLedger({
      verifierKey: signer.verifierKey,
      store: opened.store,
      signal: new AbortController().signal,
      progress: (records) => err(`${records} records so far`),
    }).finally(opened.close);
    const { commits, records, tiles, lookups, unstored, head, problems, problemCount } = report;
    out(`log         ${signer.name}: ${records} records in ${commits} commits`);
    out(`stored      ${tiles} full tiles, ${lookups} look-ups`);
    if (unstored > 0)
      out(`to come     ${unstored} tiles and look-ups, which a server stores soon or at its start`);
    for (const problem of problems) out(`problem     ${problem}`);
    if (problemCount > problems.length) out(`problem     and ${problemCount - problems.length} more`);
    if (head !== undefined) out(`\n${head.toString().trimEnd()}\n`);
    out(
      problemCount === 0 ? 'ok          all is as its commits say' : `failed      ${problemCount} problems`,
    );
    return problemCount === 0 ? exitCodes.ok.code : exitCodes.failed.code;
  });
}

async function withLedger(
  { args, err }: Invocation,
  machine: Partial<Machine>,
  work: (settings: Settings, signer: NonNullable<Settings['ledger']['key']>) => Promise<number>,
): Promise<number> {
  try {
    const { settings } = loadSettings({ ...machine, args });
    const { key } = settings.ledger;
    if (key !== undefined) return await work(settings, key);
    err('ledger.key: no private log is set; stoa ledger init makes a key for one');
    return exitCodes.usage.code;
  } catch (error) {
    if (error instanceof SettingsError) for (const problem of error.problems) err(problem);
    else if (isStoaError(error)) err(error.message);
    else throw error;
    return error instanceof SettingsError ? exitCodes.usage.code : exitCodes.failed.code;
  }
}
