/** What caches between this server and its clients may keep; the go command itself ignores it. */
export interface Caching {
  /** Every client may see what another one saw: nobody is asked who they are, and no policy could deny it. */
  readonly shared: boolean;
}

/** Seconds for which a list, `latest` or a branch may be repeated without asking. */
const changingSeconds = 60;

/** The Cache-Control of a stored file. Without proof that the content is the one the world knows, a cache asks each time. */
export function fileCacheControl(caching: Caching, isVerified: boolean): string {
  return caching.shared && isVerified ? 'public, max-age=31536000, immutable' : 'private, no-cache';
}

/** The Cache-Control of a list, of `latest`, a branch or a commit. */
export function changingCacheControl(caching: Caching): string {
  return lasting(caching, changingSeconds);
}

/** The Cache-Control of a failure that may be repeated for so many seconds. */
export function failureCacheControl(caching: Caching, seconds: number): string {
  return seconds === 0 ? 'no-store' : lasting(caching, seconds);
}

/** The Cache-Control of what may be repeated for so many seconds. */
export function lasting(caching: Caching, seconds: number): string {
  return `${caching.shared ? 'public' : 'private'}, max-age=${seconds}`;
}
