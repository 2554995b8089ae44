import { isStoaError, StoaError, toStoaError } from '../errors.ts';
import type { Fetched, Fetcher } from '../fetch/fetcher.ts';
import type { Turns } from '../fetch/turns.ts';
import { parseModFile } from '../module/modfile.ts';
import { formatKey } from '../module/target.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Metrics } from '../observe/metrics.ts';
import { orAborted } from '../storage/abortable.ts';
import { createBufferPool } from '../storage/buffer-pool.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import { createFlights } from './flight.ts';
import type { Ask, Opened } from './modules.ts';
import type { Publisher } from './publish.ts';
import { createSpool, type FileSpool } from './spool.ts';
import { createTier } from './tier.ts';
import type { Verification, Verifier } from './verifier.ts';
import { hashText, type ZipFacts } from './zip-job.ts';

/** First downloads of zips: one for all who ask, streamed to them while it is spooled, complete only once verified and stored. */
export interface Downloads {
  /**
   * Joins or starts the download. Where the asker can be shown unverified bytes of a zip too large for memory it answers with
   * the first of them, else when the zip is stored, with its source: a crowd gets a small zip sooner in one piece from memory.
   */
  open(version: ModuleVersion, ask: Ask): Promise<Opened | string>;
  readonly running: number;
}

/** A download under way: its bytes, and their verdict. */
interface Transfer {
  readonly spool: FileSpool;
  finish(signal: AbortSignal): Promise<ZipFacts>;
  abandon(): void;
}

/** Toolchains are asked for by their zip alone, so that a source may have nothing else of them (cmd/go/internal/toolchain/select.go). */
const toolchainPath = 'golang.org/toolchain';

export function createDownloads(options: {
  readonly fetcher: Fetcher;
  readonly publisher: Publisher;
  readonly verifier: Verifier;
  readonly metrics: Metrics;
  readonly pool: PoolGate;
  readonly turns: Turns;
  /** A path for a new spool file, in the file system of a store on disk. */
  readonly scratch: () => string;
  readonly maxBytes: number;
  /** Zips up to this size are served from memory. */
  readonly memoryFileBytes: number;
  readonly deadlineMs: number;
  /** Milliseconds for which a verdict against a zip is repeated without fetching it again. */
  readonly refusedMs: number;
  readonly life: AbortSignal;
  readonly now: () => number;
  /** The `.info` or `.mod` that stands, fetched and published where it must be. */
  readonly readFile: (version: ModuleVersion, file: 'info' | 'mod', ask: Ask) => Promise<string>;
  /** Called when a download could not be written. */
  readonly writeFailed: (error: StoaError) => void;
  /** Called when the zip of a version was stored, with its h1 and size. */
  readonly stored: (version: ModuleVersion, h1: string, size: number) => Promise<void>;
}): Downloads {
  const { fetcher, publisher, verifier, metrics, life, now } = options;
  const flights = createFlights<Transfer, string>({ deadlineMs: options.deadlineMs, life });
  // 32 MiB at most; what a download needs beyond it comes in smaller pieces.
  const buffers = createBufferPool({ bytes: 128 * 1024, count: 256 });
  const failures = createTier<{ readonly at: number; readonly error: StoaError }>(1024 * 1024);

  /** The spool of a new download, which is hashed as it grows. */
  function begin(version: ModuleVersion): Transfer {
    let verification: Verification | undefined;
    const spool = createSpool({
      file: options.scratch(),
      subject: formatModuleVersion(version),
      maxBytes: options.maxBytes,
      pool: options.pool,
      buffers,
      turns: options.turns,
      onWritten(bytes) {
        if (bytes > 0) verify().grow(bytes);
        else abandon();
      },
    });
    function verify(): Verification {
      verification ??= verifier.begin(version, spool.file);
      return verification;
    }
    function abandon(): void {
      verification?.abandon();
      verification = undefined;
    }
    return { spool, finish: (signal) => verify().finish(spool.written, signal), abandon };
  }

  /** Fetches, verifies and publishes; gives the source. */
  async function download(
    version: ModuleVersion,
    via: string | undefined,
    transfer: Transfer,
    signal: AbortSignal,
  ): Promise<string> {
    const subject = formatModuleVersion(version);
    await using spool = transfer.spool;
    let shown = false;
    const show = (): void => {
      shown = true;
    };
    spool.begun.then(show, () => undefined);
    try {
      const [{ source }, mod, bound] = await gather(version, spool, via, signal);
      const facts = await verify(transfer, source, signal);
      checkBound(subject, source, facts.h1, bound);
      checkGoMod(version, source, facts, mod);
      await publisher.zip(version, { file: spool.file, size: spool.written }, facts.h1, signal);
      spool.release();
      await spool.unlink();
      // From here on nothing is lost when everybody leaves: the zip is the arbiter, and it is stored.
      await Promise.all([
        publisher.zipHash(version, facts.h1, life),
        options.stored(version, facts.h1, spool.written),
      ]);
      return source;
    } catch (error) {
      transfer.abandon();
      const failure = toStoaError(signal.aborted ? signal.reason : error);
      if (failure.kind === 'integrity' || (shown && failure.kind !== 'canceled'))
        failures.set(subject, { at: now(), error: failure }, failure.message.length);
      if (failure.kind === 'storage') options.writeFailed(failure);
      spool.fail(failure);
      throw failure;
    }
  }

  /** The zip itself with what it is checked against; the first failure ends the others. */
  async function gather(
    version: ModuleVersion,
    spool: FileSpool,
    via: string | undefined,
    signal: AbortSignal,
  ): Promise<[Fetched, string, string | undefined]> {
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const ask: Ask = { asker: { address: '' }, signal: both, ...(via !== undefined && { via }) };
    const parts = [
      fetcher.fetch(version, 'zip', {}, spool, both, via),
      small(version, 'mod', ask),
      publisher.readZipHash(version, both),
      small(version, 'info', ask),
    ] as const;
    try {
      const [fetched, mod, bound] = await Promise.all(parts);
      return [fetched, mod, bound];
    } catch (error) {
      failed.abort(error);
      await Promise.allSettled(parts);
      throw error;
    }
  }

  /** The facts of the whole zip; one that is none of this version is told with its source, and counted. */
  async function verify(transfer: Transfer, source: string, signal: AbortSignal): Promise<ZipFacts> {
    try {
      return await transfer.finish(signal);
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      metrics.event('lying_upstream');
      throw new StoaError('integrity', `${error.message} (sent by ${source})`, { cause: error });
    }
  }

  async function small(version: ModuleVersion, file: 'info' | 'mod', ask: Ask): Promise<string> {
    try {
      return await options.readFile(version, file, ask);
    } catch (error) {
      if (version.path === toolchainPath && isStoaError(error, 'notFound'))
        return `module ${toolchainPath}\n`;
      throw error;
    }
  }

  function checkBound(subject: string, source: string, h1: string, bound: string | undefined): void {
    if (bound === undefined || bound === h1) return;
    metrics.event('mismatch');
    throw new StoaError(
      'integrity',
      `${subject}: ${source} sent a zip with ${h1}, but ${bound} was served before`,
    );
  }

  /** The zip's go.mod must be the one that was served, or absent where a line made up stands for it. */
  function checkGoMod(version: ModuleVersion, source: string, facts: ZipFacts, mod: string): void {
    const fits =
      facts.goMod === undefined ? isMadeUp(mod, version.path) : facts.goMod === hashText(Buffer.from(mod));
    if (fits) return;
    metrics.event('mismatch');
    throw new StoaError(
      'integrity',
      `${formatModuleVersion(version)}: ${source} sent a zip whose go.mod is not the .mod of this version`,
    );
  }

  /** Repeats a verdict of the last minute. True where a client may have been cut: who asks again is to be told why, not cut again. */
  function failedLately(subject: string): boolean {
    const before = failures.get(subject);
    if (before === undefined || now() - before.at >= options.refusedMs) return false;
    if (before.error.kind === 'integrity') throw before.error;
    return true;
  }

  return {
    async open(version, ask) {
      const subject = formatModuleVersion(version);
      const mayStream = !failedLately(subject) && ask.mayStream === true;
      const flight = flights.join(
        formatKey(version.path, version.version, 'zip'),
        () => begin(version),
        (transfer, signal) => download(version, ask.via, transfer, signal),
      );
      const stored = async (): Promise<string> => {
        const source = await orAborted(flight.done, ask.signal);
        flight.leave();
        return source;
      };
      try {
        if (!mayStream) return await stored();
        const { spool } = flight.state;
        const { source, size } = await orAborted(spool.begun, ask.signal);
        if (size !== undefined && size <= options.memoryFileBytes) return await stored();
        return {
          outcome: 'miss',
          source,
          stored: false,
          ...(size !== undefined && { size }),
          read: (range) => spool.read(range),
          close: async () => flight.leave(),
        };
      } catch (error) {
        flight.leave();
        throw error;
      }
    },
    get running() {
      return flights.size;
    },
  };
}

/** True for the go.mod that the go command makes up where a repository has none: the module line alone. */
function isMadeUp(mod: string, path: string): boolean {
  if (mod === `module ${path}\n`) return true;
  const { module, go, require, replace, exclude, retract } = parseModFile(mod);
  return (
    module === path &&
    go === undefined &&
    require.length + replace.length + exclude.length + retract.length === 0
  );
}
