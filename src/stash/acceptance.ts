import type { Recorder } from '../catalog/recorder.ts';
import { isStoaError, StoaError } from '../errors.ts';
import { hashGoMod } from '../module/dirhash.ts';
import { parseModFile } from '../module/modfile.ts';
import { formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import type { Ask } from './modules.ts';
import type { Asking, FetchedFile, Pins } from './pins.ts';
import { checkVouched, type Proof, type Word } from './proof.ts';
import type { Publisher } from './publish.ts';
import { firstAccepted, type Refusal } from './refusals.ts';
import type { FileSpool } from './spool.ts';
import type { Withdrawal } from './withdrawal.ts';
import { hashText, type ZipFacts } from './zip-job.ts';

/** Which zip is accepted: one that is a zip of its version and agrees with everything that was served of it before. */
export interface Acceptance {
  /**
   * Fetches the zip of the first source whose zip is accepted. Those that are refused on the way are added to `refused` and passed over;
   * once a client took bytes the first refusal is the end. Throws `integrity` with all refusals when no source is left.
   */
  obtain(version: ModuleVersion, transfer: Transfer, refused: Refusal[], asking: Asking): Promise<Accepted>;
}

/** A download under way: its bytes, and the facts of the whole of them. */
export interface Transfer {
  readonly spool: FileSpool;
  finish(signal: AbortSignal): Promise<ZipFacts>;
  abandon(): void;
}

interface Accepted {
  readonly source: string;
  readonly h1: string;
  /** The `.mod` that stands. */
  readonly mod: string;
  /** What is known of it beside the source; it agrees with the hashes in it. */
  readonly word: Word;
}

/** The zip of a source, and what it is checked against. */
interface Gathered extends FetchedFile {
  readonly mod: string;
  /** The hash that was published before. */
  readonly bound: string | undefined;
  readonly word: Word;
}

/** Toolchains are asked for by their zip alone, so that a source may have nothing else of them (cmd/go/internal/toolchain/select.go). */
const toolchainPath = 'golang.org/toolchain';

/** `readFile` gives the `.info` or `.mod` that stands, fetched and published where it must be. */
export function createAcceptance(options: {
  readonly publisher: Publisher;
  readonly pins: Pins;
  readonly proof: Proof;
  readonly withdrawal: Withdrawal;
  readonly recorder: Recorder;
  readonly readFile: (version: ModuleVersion, file: 'info' | 'mod', ask: Ask) => Promise<string>;
}): Acceptance {
  const { publisher, pins, proof, withdrawal, recorder } = options;

  /** The zip itself with what it is checked against; the first failure ends the others. */
  async function gather(version: ModuleVersion, spool: FileSpool, asking: Asking): Promise<Gathered> {
    const { signal, via } = asking;
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const ask: Ask = { asker: { address: '' }, signal: both, ...(via !== undefined && { via }) };
    const parts = [
      pins.fetch(version, 'zip', spool, { ...asking, signal: both }),
      small(version, 'mod', ask),
      publisher.readZipHash(version, both),
      small(version, 'info', ask),
    ] as const;
    // Beside the download, and heard after it: that the source has no such version says more than what others know of it.
    const asked = proof.ask(version, { signal: both, via });
    asked.catch(() => undefined);
    try {
      const [fetched, mod, bound] = await Promise.all(parts);
      const word = await asked;
      await checkStanding(version, mod, bound, word, signal);
      return { ...fetched, mod, bound, word };
    } catch (error) {
      failed.abort(error);
      await Promise.allSettled(parts);
      throw error;
    }
  }

  /** What was published before its database was asked may turn out to be wrong: then it is that which has to go. */
  async function checkStanding(
    version: ModuleVersion,
    mod: string,
    bound: string | undefined,
    { vouched }: Word,
    signal: AbortSignal,
  ): Promise<void> {
    if (vouched === undefined) return;
    const modH1 = hashGoMod(Buffer.from(mod));
    if (modH1 !== vouched.sums.mod) await withdrawal.contradicted(version, 'mod', modH1, vouched, signal);
    if (bound !== undefined && bound !== vouched.sums.zip)
      await withdrawal.contradicted(version, 'zip', bound, vouched, signal);
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

  /** A zip that contradicts what was served, as an error and an event. */
  function mismatch(version: ModuleVersion, source: string, problem: string): StoaError {
    recorder.event('mismatch', version, `${source} ${problem}`, { source });
    return new StoaError('integrity', `${formatModuleVersion(version)}: ${source} ${problem}`);
  }

  /** The facts of the whole zip; one that is none of this version is told with its source, and recorded. */
  async function verify(
    version: ModuleVersion,
    transfer: Transfer,
    source: string,
    signal: AbortSignal,
  ): Promise<ZipFacts> {
    try {
      return await transfer.finish(signal);
    } catch (error) {
      if (!isStoaError(error, 'integrity')) throw error;
      recorder.event('lying_upstream', version, error.message, { source });
      throw new StoaError('integrity', `${error.message} (sent by ${source})`, { cause: error });
    }
  }

  function checkBound(version: ModuleVersion, source: string, h1: string, bound: string | undefined): void {
    if (bound === undefined || bound === h1) return;
    throw mismatch(version, source, `sent a zip with ${h1}, but ${bound} was served before`);
  }

  /**
   * The zip's go.mod must be the one that was served, or absent where a line made up stands for it. Attributes of a repository can
   * change it or leave it out: then it is enough that the served one is the go.mod of the very commit.
   */
  async function checkGoMod(
    version: ModuleVersion,
    { source, commit }: FetchedFile,
    { goMod }: ZipFacts,
    mod: string,
    asking: Asking,
  ): Promise<void> {
    const fits = goMod === undefined ? isMadeUp(mod, version.path) : goMod === hashText(Buffer.from(mod));
    if (fits) return;
    if (commit !== undefined && (await pins.readMod(version, asking))?.toString() === mod) return;
    throw mismatch(version, source, 'sent a zip whose go.mod is not the .mod of this version');
  }

  return {
    obtain: (version, transfer, refused, { signal, via }) =>
      firstAccepted({
        version,
        refused,
        fetch: (not) => gather(version, transfer.spool, { signal, via, not }),
        async accept(gathered) {
          const { source, mod, bound, word } = gathered;
          const facts = await verify(version, transfer, source, signal);
          checkBound(version, source, facts.h1, bound);
          checkVouched(version, 'zip', { h1: facts.h1, source }, word, recorder);
          const not = refused.map((refusal) => refusal.source);
          await checkGoMod(version, gathered, facts, mod, { signal, via, not });
          return { source, h1: facts.h1, mod, word };
        },
        isFinal: () => transfer.spool.taken,
      }),
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
