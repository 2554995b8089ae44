import { type Loaded, loadSettings, SettingsError } from '../../src/config/load.ts';
import type { Machine } from '../../src/config/machine.ts';

/** What a test says about the machine; everything else is that of a plain user on Linux without a go command. */
export interface Said {
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Names and texts of the files there are. */
  readonly files?: Readonly<Record<string, string>>;
  readonly goEnvProxy?: string;
}

/** A machine that is only what a test says. */
export function machineOf(said: Said & Partial<Omit<Machine, keyof Said>> = {}): Machine {
  const { env = {}, args = [], files = {}, goEnvProxy, ...more } = said;
  return {
    env,
    args,
    platform: 'linux',
    uid: 1000,
    home: '/home/gopher',
    hostname: 'builder',
    processors: 8,
    readFile(name) {
      const text = files[name];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
    goEnvProxy: () => goEnvProxy,
    ...more,
  };
}

/** The settings on that machine. */
export function load(said: Said & Partial<Omit<Machine, keyof Said>> = {}): Loaded {
  return loadSettings(machineOf(said));
}

/** What is wrong with the settings on that machine; empty when nothing is. */
export function problemsOf(said: Said): readonly string[] {
  try {
    load(said);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}
