/** What the parts report; `/metrics` renders it. Hot-path recorders only add to plain numbers. */
export interface Metrics {
  /** One finished request. */
  request(
    kind: string,
    outcome: 'hit' | 'miss' | 'stale' | undefined,
    status: number,
    bytes: number,
    durationMs: number,
  ): void;
  /** One request to a source, with its redirects and retries. */
  upstream(host: string, result: 'ok' | 'absent' | 'failed', bytes: number, durationMs: number): void;
  /** Something that an operator wants to alert on, by a fixed short name such as `mismatch` or `lying_upstream`. */
  event(name: string): void;
  /** A gauge that is read when metrics are rendered. Names begin with `stoa_`. */
  gauge(name: string, help: string, read: () => number): void;
  /** The Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}
