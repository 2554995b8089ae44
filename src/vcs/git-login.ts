import { LoginError } from './git-failure.ts';
import type { Remote } from './remote.ts';

/** Does what asks a remote, and does it again with another credential where the first is refused and there is another one. */
export async function withCredential<R extends Omit<Remote, 'renew'> & Renewed<R>, T>(
  remote: R,
  signal: AbortSignal,
  work: (remote: R) => Promise<T>,
): Promise<T> {
  try {
    return await work(remote);
  } catch (error) {
    const renewed = error instanceof LoginError ? await remote.renew?.(signal) : undefined;
    if (renewed === undefined) throw error;
    return work(renewed);
  }
}

/** Another remote of the same kind. */
interface Renewed<R> {
  renew?(signal: AbortSignal): Promise<R | undefined>;
}
