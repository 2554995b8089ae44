import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { type Loaded, loadSettings, SettingsError } from '../config/load.ts';
import type { Machine } from '../config/machine.ts';
import { isStoaError, StoaError } from '../errors.ts';
import { createLog } from '../observe/log.ts';
import { openLogSink } from '../observe/sink.ts';
import type { Inspection } from '../stash/inspect.ts';
import type { Verification } from '../verification.ts';
import type { Invocation } from './command.ts';
import { takeFlags } from './own-flags.ts';
import { createProgress, type Progress, type Screen } from './progress.ts';
import { createReport, noCounts, progressLine } from './verify-report.ts';
import { readState, removeState, type VerifyState, writeState } from './verify-state.ts';

/** What the command runs in. */
export interface VerifyAround {
  readonly machine: Partial<Machine>;
  readonly screen: Screen;
  /** Calls back for a signal to stop; a second one ends the process at once. */
  onStop(listener: () => void): void;
}

/** What the end says to a script. */
const verdicts = { good: 0, bad: 1, unchecked: 2 } as const;

/** Milliseconds of work that an end without warning may cost a resumed verification. */
const stateEveryMs = 2000;

/**
 * `stoa verify`: reads everything that is stored again, and holds it against its published hashes and the checksum databases. 0: all is
 * good; 1: something is bad; 2: something could not be checked.
 */
export async function verify(invocation: Invocation, around: Partial<VerifyAround> = {}): Promise<number> {
  const { machine, screen, onStop } = { ...defaults, ...around };
  const stop = new AbortController();
  onStop(() => stop.abort());
  const progress = createProgress(screen);
  try {
    const { loaded, state, json } = await begin(invocation, machine);
    return await run(invocation, { loaded, state, json, progress, signal: stop.signal });
  } catch (error) {
    progress.clear();
    const problems = error instanceof SettingsError ? error.problems : isStoaError(error) && [error.message];
    if (problems === false) throw error;
    for (const problem of problems) invocation.err(problem);
    return verdicts.unchecked;
  }
}

interface Begun {
  readonly loaded: Loaded;
  readonly state: VerifyState;
  readonly json: boolean;
}

/** What is to be done: as the arguments say, or where the last one ended. Throws `config` for what cannot be. */
async function begin({ args, err }: Invocation, machine: Partial<Machine>): Promise<Begun> {
  const { values, rest, problem } = takeFlags(args, ['backup'], ['purge', 'offline', 'resume', 'json']);
  if (problem !== undefined) throw new StoaError('config', problem);
  const { patterns, flags } = splitPatterns(rest);
  const loaded = loadSettings({ ...machine, args: flags });
  for (const warning of loaded.warnings) err(`warning: ${warning}`);
  const { data } = loaded.settings;
  const before = await readState(stateFile(data));
  const json = values.has('json');
  if (values.has('resume')) {
    if (patterns.length > 0 || ['purge', 'offline', 'backup'].some((name) => values.has(name)))
      throw new StoaError('config', '--resume: it goes on with the patterns and options it was begun with');
    if (before === undefined) throw new StoaError('config', '--resume: nothing was interrupted');
    return { loaded, state: before, json };
  }
  if (before !== undefined)
    err(`a verification of ${before.started} was interrupted; --resume goes on with it, this begins anew`);
  const started = new Date().toISOString();
  const backup = values.get('backup') ?? join(data, 'backup', started.replaceAll(':', ''));
  return {
    loaded,
    json,
    state: {
      started,
      patterns: patterns.join(','),
      offline: values.has('offline'),
      purge: values.has('purge'),
      backup: resolve(backup),
      after: '',
      counts: noCounts,
    },
  };
}

interface Run extends Begun {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function run(invocation: Invocation, { loaded, state, json, progress, signal }: Run): Promise<number> {
  const { settings, sources } = loaded;
  const { err } = invocation;
  const { openVerification } = await import('../verification.ts');
  const workers = sources.get('workers') === '--workers' ? settings.workers : availableParallelism();
  const sink = openLogSink(2);
  const log = createLog({ ...settings.log, format: 'plain', level: 'warn', sink });
  const report = createReport({ invocation, json, progress, before: state.counts, workers });
  const file = stateFile(settings.data);
  let { after } = state;
  let savedAt = performance.now();

  async function save(): Promise<void> {
    savedAt = performance.now();
    await writeState(file, { ...state, after, counts: report.counts() });
  }

  async function take(verification: Verification, found: Inspection): Promise<void> {
    const isBad = found.faults.length > 0;
    const isPurged = isBad && state.purge && (await verification.purge(found));
    report.add(found, { isPurged, backup: state.backup });
    after = verification.placeOf(found);
    progress.tell(() => progressLine(report.counts(), found));
    if (isBad || performance.now() - savedAt > stateEveryMs) await save();
  }

  using _ = { [Symbol.dispose]: sink.close };
  await using verification = await openVerification(settings, {
    workers,
    offline: state.offline,
    backup: state.backup,
    log,
  });
  try {
    const walk = { patterns: state.patterns, after: state.after, signal };
    for await (const found of verification.inspect(walk)) await take(verification, found);
  } catch (error) {
    progress.clear();
    await save();
    if (!isStoaError(error)) throw error;
    err(signal.aborted ? 'interrupted' : error.message);
    report.end(false);
    err('stoa verify --resume goes on from here');
    return report.counts().bad > 0 ? verdicts.bad : verdicts.unchecked;
  }
  progress.clear();
  await removeState(file);
  const { versions, bad, unchecked } = report.counts();
  report.end(true);
  if (versions === 0 && state.patterns !== '') {
    err(`nothing is stored of modules that match ${state.patterns}`);
    return verdicts.unchecked;
  }
  if (bad > 0) return verdicts.bad;
  return unchecked > 0 ? verdicts.unchecked : verdicts.good;
}

/** Tells patterns from settings, each of which has a value. */
function splitPatterns(args: readonly string[]): { patterns: string[]; flags: string[] } {
  const patterns: string[] = [];
  const flags: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    if (!argument.startsWith('-')) {
      patterns.push(...argument.split(',').filter((pattern) => pattern !== ''));
      continue;
    }
    flags.push(argument);
    const value = args[at + 1];
    if (argument.includes('=') || value === undefined) continue;
    flags.push(value);
    at++;
  }
  return { patterns, flags };
}

function stateFile(data: string): string {
  return join(data, 'verify.json');
}

const defaults: VerifyAround = {
  machine: {},
  screen: {
    isTerminal: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 80,
    write: (text) => void process.stderr.write(text),
  },
  onStop(listener) {
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, listener);
  },
};
