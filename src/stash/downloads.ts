import type { Published } from '../catalog/entry.ts';
import { type StoaError, toStoaError } from '../errors.ts';
import type { Turns } from '../fetch/turns.ts';
import { hashGoMod } from '../module/dirhash.ts';
import { formatKey } from '../module/target.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import { createBufferPool } from '../storage/buffer-pool.ts';
import type { PoolGate } from '../storage/pool-gate.ts';
import { orAborted } from '../work/abortable.ts';
import { createFlights } from '../work/flight.ts';
import type { Acceptance, Transfer } from './acceptance.ts';
import type { Ask, Opened } from './modules.ts';
import { verifiedBy, type Word } from './proof.ts';
import type { Publisher } from './publish.ts';
import type { Refusal } from './refusals.ts';
import { createSpool } from './spool.ts';
import { createTier } from './tier.ts';
import type { Verification, Verifier } from './verifier.ts';

/** First downloads of zips: one for all who ask, streamed to them while it is spooled, complete only once verified and stored. */
export interface Downloads {
  /**
   * Joins or starts the download. Where the asker can be shown unverified bytes of a zip too large for memory it answers with
   * the first of them, else when the zip is stored, with its source: a crowd gets a small zip sooner in one piece from memory.
   */
  open(version: ModuleVersion, ask: Ask): Promise<Opened | string>;
  readonly running: number;
}

/** A download that failed, with the sources it had refused when a client kept it from going on to the next. */
interface Failure {
  readonly at: number;
  readonly error: StoaError;
  readonly refused: readonly Refusal[];
}

export function createDownloads(options: {
  readonly acceptance: Acceptance;
  readonly publisher: Publisher;
  readonly verifier: Verifier;
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
  /** Called when a download could not be written. */
  readonly writeFailed: (error: StoaError) => void;
  /** Called before a zip is published that is to be verified later, with the reason. */
  readonly unproved: (version: ModuleVersion, file: 'zip', why: string) => Promise<void>;
  /** Called when the zip of a version was stored, before its hash is. */
  readonly published: (version: Published & { readonly size: number }) => Promise<void>;
  /** Called when the zip of a version was stored, with its h1 and what is known of it beside its source. */
  readonly stored: (version: ModuleVersion, h1: string, word: Word) => Promise<void>;
}): Downloads {
  const { acceptance, publisher, verifier, life, now } = options;
  const flights = createFlights<Transfer, string>({
    deadlineMs: options.deadlineMs,
    late: (key) => `${key}: not fetched`,
    life,
  });
  // 32 MiB at most; what a download needs beyond it comes in smaller pieces.
  const buffers = createBufferPool({ bytes: 128 * 1024, count: 256 });
  const failures = createTier<Failure>(1024 * 1024);

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

  /** Fetches, verifies and publishes; gives the source. Sources that were `refused` before are passed over. */
  async function download(
    version: ModuleVersion,
    via: string | undefined,
    refused: Refusal[],
    transfer: Transfer,
    signal: AbortSignal,
  ): Promise<string> {
    const subject = formatModuleVersion(version);
    await using spool = transfer.spool;
    try {
      const { source, h1, mod, word } = await acceptance.obtain(version, transfer, refused, { signal, via });
      if (word.later !== undefined) await options.unproved(version, 'zip', word.later);
      await publisher.zip(version, { file: spool.file, size: spool.written }, h1, signal);
      spool.release();
      await spool.unlink();
      // From here on nothing is lost when everybody leaves: the zip is the arbiter, and it is stored.
      // So that whoever finds the hash in storage can rely on the catalog to hear of it.
      await options.published({
        ...version,
        size: spool.written,
        h1,
        modH1: hashGoMod(Buffer.from(mod)),
        source,
        ...verifiedBy(word),
      });
      await Promise.all([publisher.zipHash(version, h1, life), options.stored(version, h1, word)]);
      return source;
    } catch (error) {
      transfer.abandon();
      const failure = toStoaError(signal.aborted ? signal.reason : error);
      if (failure.kind === 'integrity' || (spool.taken && failure.kind !== 'canceled'))
        failures.set(
          subject,
          { at: now(), error: failure, refused: spool.taken ? refused : [] },
          failure.message.length,
        );
      if (failure.kind === 'storage') options.writeFailed(failure);
      spool.fail(failure);
      throw failure;
    }
  }

  /** How it failed in the last minute. A verdict is repeated, unless there may be sources that were not asked. */
  function failedLately(subject: string): Failure | undefined {
    const before = failures.get(subject);
    if (before === undefined || now() - before.at >= options.refusedMs) return undefined;
    if (before.error.kind === 'integrity' && before.refused.length === 0) throw before.error;
    return before;
  }

  return {
    async open(version, ask) {
      const subject = formatModuleVersion(version);
      const before = failedLately(subject);
      // Who asks again is to be told why, not cut again.
      const mayStream = before === undefined && ask.mayStream === true;
      const flight = flights.join(
        formatKey(version.path, version.version, 'zip'),
        () => begin(version),
        (transfer, signal) => download(version, ask.via, [...(before?.refused ?? [])], transfer, signal),
      );
      const stored = async (): Promise<string> => {
        const source = await orAborted(flight.done, ask.signal);
        flight.leave();
        return source;
      };
      try {
        if (!mayStream) return await stored();
        const { spool } = flight.state;
        const begun = await orAborted(spool.begun, ask.signal);
        if (begun.size !== undefined && begun.size <= options.memoryFileBytes) return await stored();
        const { source, size } = spool.take();
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
