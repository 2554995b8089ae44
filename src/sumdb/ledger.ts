import { isStoaError, StoaError } from '../errors.ts';
import { checkModuleVersion, formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Log } from '../observe/log.ts';
import type { BlobStore } from '../storage/store.ts';
import { orAborted } from '../work/abortable.ts';
import { createShare } from '../work/share.ts';
import { createAppends } from './ledger-appends.ts';
import type { LogState } from './ledger-checkpoint.ts';
import { type LedgerLog, openLedgerLog } from './ledger-log.ts';
import { formatLogged, type Logged } from './ledger-record.ts';
import { createReadTile, sizeForTile } from './ledger-tiles.ts';
import type { Signer } from './note.ts';
import { formatSums, parseSums, type Sums } from './sums.ts';
import type { Tile } from './tile.ts';

/**
 * Our own checksum database: a log in storage of the versions that are served here, private ones too, signed by our key. A version has
 * one record, for ever: other hashes for it are an `integrity` error. It is answered as checksum databases are, and all answers
 * are under one head, the newest for which everything is there that proves it.
 */
export interface Ledger {
  /** Its name, which its key has too. */
  readonly name: string;
  /** What clients set as GOSUMDB. */
  readonly verifierKey: string;
  /** The hashes that are logged for a version. */
  find(version: ModuleVersion, signal: AbortSignal): Promise<Sums | undefined>;
  /** Logs the hashes of a version, where they are not logged. Throws `integrity` where others are. */
  add(version: ModuleVersion, sums: Sums, signal: AbortSignal): Promise<void>;
  /** The answer to a look-up: the record of a version and the head. A version that is not logged is proved first, and logged. */
  record(version: ModuleVersion, signal: AbortSignal): Promise<Buffer>;
  /** A tile, or the beginning of it. Throws `notFound` for one that the log has not grown to. */
  tile(tile: Tile, signal: AbortSignal): Promise<Buffer>;
  /** The note of the newest head. */
  latest(signal: AbortSignal): Promise<Buffer>;
  /**
   * Opens the log, which the first question does too. Throws `integrity` where what is stored under the name is not the log of
   * this key; a store that fails now is told to the log, and may work at the next question.
   */
  ready(): Promise<void>;
  /** Stores what is still to be stored, before `life` ends; what cannot be stored the next start makes up for. */
  close(): Promise<void>;
}

/**
 * Finds the hashes of a version that is not logged, and proves them: those of a public one are the public database's, those of a private
 * one are computed. Throws `notFound` where there is no such version.
 */
export type ProveLines = (version: ModuleVersion, signal: AbortSignal) => Promise<Sums>;

/** Who is told that a version has another content than was logged. */
interface Recorder {
  event(kind: string, version: ModuleVersion, text: string): void;
}

export interface LedgerOptions {
  readonly signer: Signer;
  readonly store: BlobStore;
  readonly proveLines: ProveLines;
  readonly log: Pick<Log, 'warn'>;
  readonly recorder: Recorder;
  /** Milliseconds that proving a version may take. */
  readonly deadlineMs: number;
  readonly life: AbortSignal;
}

export function createLedger(options: LedgerOptions): Ledger {
  const { signer, store, proveLines, log, recorder, deadlineMs, life } = options;
  const { name, verifierKey } = signer;
  const readTile = createReadTile(name, store);
  const append = createAppends(async (wanted) => (await open()).append(wanted));
  const share = createShare<Logged>({ deadlineMs, late: (subject) => `${subject}: no answer` });
  let opening: Promise<LedgerLog> | undefined;

  function open(): Promise<LedgerLog> {
    opening ??= openLedgerLog({ signer, store, log, life }).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  /** What is logged by now, by whatever process. */
  async function findLogged(version: ModuleVersion, signal: AbortSignal): Promise<Logged | undefined> {
    checkModuleVersion(version.path, version.version);
    const history = await orAborted(open(), signal);
    const { commits } = history.state;
    const known = await history.find(version, signal);
    if (known !== undefined) return known;
    const newer = await orAborted(history.catchUp(), signal);
    return newer.commits > commits ? history.find(version, signal) : undefined;
  }

  async function logVersion(version: ModuleVersion, sums: Sums): Promise<Logged> {
    // Also that they can be hashes at all.
    const wanted = { version, sums: parseSums(formatSums(version, sums), version) };
    const logged = await append(wanted);
    checkSame(logged, sums);
    return logged;
  }

  function checkSame({ version, sums }: Logged, found: Sums): void {
    if (sums.zip === found.zip && sums.mod === found.mod) return;
    const problem = `the private log has ${sums.zip} and go.mod ${sums.mod}, now there is ${found.zip} and go.mod ${found.mod}`;
    recorder.event('ledger_conflict', version, problem);
    throw new StoaError('integrity', `${formatModuleVersion(version)}: ${problem}`);
  }

  function proveAndLog(version: ModuleVersion, signal: AbortSignal): Promise<Logged> {
    return share(formatModuleVersion(version), signal, async (work) =>
      logVersion(version, await proveLines(version, work)),
    );
  }

  /** The newest known state, if it has so many records; else one that is newer, since another process may have appended. */
  async function stateWith(size: number, signal: AbortSignal): Promise<LogState> {
    const history = await orAborted(open(), signal);
    const { state } = history;
    return state.edge.size >= size ? state : orAborted(history.catchUp(), signal);
  }

  async function unlessStoreFails(complaint: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isStoaError(error, 'storage')) throw error;
      log.warn(complaint, { database: name, reason: error.message });
    }
  }

  return {
    name,
    verifierKey,
    async find(version, signal) {
      return (await findLogged(version, signal))?.sums;
    },
    async add(version, sums, signal) {
      const logged = await findLogged(version, signal);
      if (logged === undefined) await orAborted(logVersion(version, sums), signal);
      else checkSame(logged, sums);
    },
    async record(version, signal) {
      const logged = (await findLogged(version, signal)) ?? (await proveAndLog(version, signal));
      const { head } = await stateWith(logged.id + 1, signal);
      if (logged.id >= head.tree.size)
        throw new StoaError(
          'integrity',
          `${formatModuleVersion(version)}: its record ${logged.id} is in no commit of the private log; was an older state of the store restored?`,
        );
      return Buffer.concat([formatLogged(logged), head.note]);
    },
    async tile(tile, signal) {
      const { edge } = await stateWith(sizeForTile(tile), signal);
      return readTile(tile, edge, signal);
    },
    async latest(signal) {
      const history = await orAborted(open(), signal);
      return (await orAborted(history.catchUp(), signal)).head.note;
    },
    ready: () => unlessStoreFails('the private log cannot be opened yet', open),
    close: () =>
      unlessStoreFails('the private log could not be stored to its end', async () =>
        (await opening)?.close(),
      ),
  };
}
