/**
 * A clock that tells RFC 3339 in UTC with milliseconds. The text is made at most once a millisecond, and its date
 * at most once a second: log lines on the hot path share it.
 */
export function createTimestamp(now: () => number): () => string {
  let millisecond = Number.NaN;
  let second = Number.NaN;
  let prefix = '';
  let text = '';
  return () => {
    const time = Math.floor(now());
    if (time === millisecond) return text;
    millisecond = time;
    const whole = Math.floor(time / 1000);
    if (whole !== second) {
      second = whole;
      prefix = new Date(whole * 1000).toISOString().slice(0, -4);
    }
    text = `${prefix}${String(time - whole * 1000).padStart(3, '0')}Z`;
    return text;
  };
}
