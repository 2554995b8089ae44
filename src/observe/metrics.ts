import { createHistogram, type Histogram } from './histogram.ts';
import { type CounterName, type GaugeName, metricTable } from './metric-table.ts';

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
  /** What the readers of repositories report. */
  readonly vcs: VcsMetrics;
  /** A gauge of the table, which is read when metrics are rendered. Throws where it was given before. */
  gauge(name: GaugeName, read: () => number): void;
  /** The same for a counter without labels. */
  counter(name: CounterName, read: () => number): void;
  /** The Prometheus text format. Process and runtime are watched from the first time on. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** The part of it that is about repositories. */
export interface VcsMetrics {
  /** A process that ended, by the command that it ran. */
  process(command: string, result: 'ok' | 'failed' | 'stopped', durationMs: number): void;
  /** One question for the refs of a repository, or one pack of its objects. */
  request(host: string, kind: 'refs' | 'pack', result: 'ok' | 'failed', bytes: number): void;
  /** A local copy that was removed. */
  removed(reason: 'evicted' | 'broken'): void;
}

/** The numbers behind the metrics, as they stand now. */
export interface Recorded {
  readonly version: string;
  readonly kinds: Slots<KindSlot>;
  readonly hosts: Slots<HostSlot>;
  readonly events: Slots<{ count: number }>;
  readonly commands: Slots<CommandSlot>;
  readonly remotes: Slots<RemoteSlot>;
  readonly removedCopies: { evicted: number; broken: number };
  /** Gauges and counters without labels. */
  readonly readers: ReadonlyMap<GaugeName | CounterName, () => number>;
}

/** What is kept for each value of a label. */
export interface Slots<T> {
  /** The slot of a value; that of `other` once there are too many. */
  get(value: string): T;
  entries(): Iterable<readonly [value: string, slot: T]>;
}

interface KindSlot {
  /** Requests by status; place 0 is for what is no status. */
  readonly statuses: Float64Array;
  readonly seconds: Histogram;
  hit: number;
  miss: number;
  stale: number;
  bytes: number;
}

interface HostSlot {
  readonly seconds: Histogram;
  ok: number;
  absent: number;
  failed: number;
  bytes: number;
}

interface CommandSlot {
  readonly seconds: Histogram;
  ok: number;
  failed: number;
  stopped: number;
}

interface RemoteSlot {
  readonly refs: { ok: number; failed: number };
  readonly pack: { ok: number; failed: number };
  bytes: number;
}

/** The metrics of a process. A label takes a bounded number of values; further ones become `other`. */
export function createMetrics({ version }: { readonly version: string }): Metrics {
  const kinds = createSlots(32, createKindSlot);
  const hosts = createSlots(64, createHostSlot);
  const events = createSlots(64, () => ({ count: 0 }));
  const commands = createSlots(32, createCommandSlot);
  const remotes = createSlots(64, createRemoteSlot);
  const removedCopies = { evicted: 0, broken: 0 };
  const readers = new Map<GaugeName | CounterName, () => number>();
  let renderer: Promise<Metrics['render']> | undefined;

  async function openRenderer(): Promise<Metrics['render']> {
    // prom-client takes 45 ms to load, which a start has no use for.
    const { createRenderer } = await import('./prometheus.ts');
    return createRenderer({ version, kinds, hosts, events, commands, remotes, removedCopies, readers });
  }

  function add(name: GaugeName | CounterName, read: () => number): void {
    if (readers.has(name)) throw new Error(`${metricTable[name].type} ${name} is there already`);
    readers.set(name, read);
  }

  return {
    request(kind, outcome, status, bytes, durationMs) {
      const slot = kinds.get(kind);
      slot.statuses[status >= 100 && status < 600 ? status : 0]!++;
      if (outcome !== undefined) slot[outcome]++;
      slot.bytes += bytes;
      slot.seconds.observe(durationMs / 1000);
    },
    upstream(host, result, bytes, durationMs) {
      const slot = hosts.get(host);
      slot[result]++;
      slot.bytes += bytes;
      slot.seconds.observe(durationMs / 1000);
    },
    event(name) {
      events.get(name).count++;
    },
    vcs: {
      process(command, result, durationMs) {
        const slot = commands.get(command);
        slot[result]++;
        slot.seconds.observe(durationMs / 1000);
      },
      request(host, kind, result, bytes) {
        const slot = remotes.get(host);
        slot[kind][result]++;
        slot.bytes += bytes;
      },
      removed(reason) {
        removedCopies[reason]++;
      },
    },
    gauge: add,
    counter: add,
    async render() {
      renderer ??= openRenderer();
      return (await renderer)();
    },
  };
}

function createSlots<T>(limit: number, create: () => T): Slots<T> {
  const slots = new Map<string, T>();
  return {
    get(value) {
      const known = slots.get(value);
      if (known !== undefined) return known;
      if (slots.size >= limit && value !== 'other') return this.get('other');
      const slot = create();
      slots.set(value, slot);
      return slot;
    },
    entries: () => slots,
  };
}

function createKindSlot(): KindSlot {
  const seconds = createHistogram(metricTable.stoa_request_duration_seconds.buckets);
  return { statuses: new Float64Array(600), seconds, hit: 0, miss: 0, stale: 0, bytes: 0 };
}

function createHostSlot(): HostSlot {
  const seconds = createHistogram(metricTable.stoa_upstream_duration_seconds.buckets);
  return { seconds, ok: 0, absent: 0, failed: 0, bytes: 0 };
}

function createCommandSlot(): CommandSlot {
  const seconds = createHistogram(metricTable.stoa_vcs_process_duration_seconds.buckets);
  return { seconds, ok: 0, failed: 0, stopped: 0 };
}

function createRemoteSlot(): RemoteSlot {
  return { refs: { ok: 0, failed: 0 }, pack: { ok: 0, failed: 0 }, bytes: 0 };
}
