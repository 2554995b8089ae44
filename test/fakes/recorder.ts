import type { Recorder } from '../../src/catalog/recorder.ts';

const told = async (): Promise<void> => undefined;

/** A recorder that nobody reads. */
export const quietRecorder: Recorder = {
  published: told,
  verified: told,
  gone: told,
  event: () => undefined,
};
