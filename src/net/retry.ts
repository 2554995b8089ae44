/** The statuses that say: not now. */
export function isPassingStatus(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

/**
 * Milliseconds to wait before try number `tries + 1`, when `tries` were made: exponential with full jitter,
 * so that many clients do not come back at once. `random` is in [0, 1).
 */
export function backoffMs(tries: number, baseMs: number, random: number): number {
  return Math.floor(random * baseMs * 2 ** (tries - 1));
}

/**
 * The seconds a Retry-After header asks for (a number or an HTTP date; a past one is 0); undefined when it is
 * neither.
 */
export function parseRetryAfter(value: string | string[] | undefined, nowMs: number): number | undefined {
  const text = typeof value === 'string' ? value.trim() : '';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - nowMs) / 1_000));
}
