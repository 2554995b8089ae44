import { type Loaded, loadSettings, SettingsError } from '../config/load.ts';
import type { Machine } from '../config/machine.ts';
import { isStoaError } from '../errors.ts';
import { createLog, type Log } from '../observe/log.ts';
import { exitCodes, type Invocation } from './command.ts';

/** A server that answers requests. */
export interface Running {
  /** Where it listens. */
  readonly address: string;
  /** Fulfilled when it has stopped. */
  readonly closed: Promise<void>;
  /** Stops taking requests, and lets running ones finish. */
  drain(): Promise<void>;
}

/** What the server is started with, and what stops it. */
export interface Around {
  readonly machine: Partial<Machine>;
  start(loaded: Loaded, log: Log): Promise<Running>;
  /** Calls back for each signal to stop. */
  onStop(listener: (signal: string) => void): void;
  createLog: typeof createLog;
}

/**
 * `stoa serve`: runs until a signal. The first one drains, the second one ends at once. What keeps it from starting is
 * told in log lines, as everything a server has to say.
 */
export async function serve({ args }: Invocation, around: Partial<Around> = {}): Promise<number> {
  const { machine, start, onStop, createLog } = { ...defaults, ...around };
  let loaded: Loaded;
  try {
    loaded = loadSettings({ ...machine, args });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const log = createLog(error.log);
    for (const problem of error.problems) log.error(problem);
    await log.flush();
    return exitCodes.usage.code;
  }

  const log = createLog(loaded.settings.log);
  for (const warning of loaded.warnings) log.warn(warning);
  for (const note of loaded.notes) log.info(note);
  try {
    const running = await start(loaded, log);
    return await untilStopped(running, onStop, log);
  } catch (error) {
    if (isStoaError(error, 'config')) {
      log.error(error.message);
      return exitCodes.usage.code;
    }
    log.error(error instanceof Error ? error.message : String(error), { error });
    return exitCodes.failed.code;
  } finally {
    await log.flush();
  }
}

async function untilStopped(running: Running, onStop: Around['onStop'], log: Log): Promise<number> {
  const impatient = Promise.withResolvers<number>();
  let signals = 0;
  onStop((signal) => {
    signals++;
    if (signals > 1) {
      log.warn(`${signal} again: ending at once`);
      impatient.resolve(exitCodes.failed.code);
      return;
    }
    log.info(`${signal}: draining`);
    running.drain().catch(impatient.reject);
  });
  return Promise.race([running.closed.then(() => exitCodes.ok.code), impatient.promise]);
}

const defaults: Around = {
  machine: {},
  // The server is loaded when the settings are known to be right, so that a mistake is told at once.
  start: async (loaded, log) => (await import('../app.ts')).startServer(loaded, log),
  onStop(listener) {
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => listener(signal));
  },
  createLog,
};
