import { LoginError } from './git-failure.ts';
import type { Remote } from './remote.ts';

/** Does what asks a remote, and does it again with another credential where the first is refused and there is another one. */
export async function withCredential<T>(
  remote: Remote,
  signal: AbortSignal,
  work: (remote: Remote) => Promise<T>,
): Promise<T> {
  try {
    return await work(remote);
  } catch (error) {
    const renewed = error instanceof LoginError ? await remote.renew?.(signal) : undefined;
    if (renewed === undefined) throw error;
    return work(renewed);
  }
}
