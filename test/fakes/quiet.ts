import type { Recorder } from '../../src/catalog/recorder.ts';
import type { Log } from '../../src/observe/log.ts';

const nothing = (): void => undefined;
const done = async (): Promise<void> => undefined;

/** A log that nobody reads. */
export const quietLog: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  access: nothing,
  flush: done,
};

/** A recorder that nobody reads. */
export const quietRecorder: Recorder = { published: done, verified: done, gone: done, event: nothing };
