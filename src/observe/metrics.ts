import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { createHistogram, type Histogram } from './histogram.ts';
import { type GaugeName, metricTable } from './metric-table.ts';

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
  /** A gauge of the table, which is read when metrics are rendered. Throws where it was given before. */
  gauge(name: GaugeName, read: () => number): void;
  /** The Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** The metrics of a process, in a registry of their own. A label takes a bounded number of values; further ones become `other`. */
export function createMetrics({ version }: { readonly version: string }): Metrics {
  const registry = new Registry();
  const kinds = createSlots(32, () => ({
    statuses: new Float64Array(600),
    hit: 0,
    miss: 0,
    stale: 0,
    bytes: 0,
    seconds: createHistogram(metricTable.stoa_request_duration_seconds.buckets),
  }));
  const hosts = createSlots(64, () => ({
    ok: 0,
    absent: 0,
    failed: 0,
    bytes: 0,
    seconds: createHistogram(metricTable.stoa_upstream_duration_seconds.buckets),
  }));
  const events = createSlots(64, () => ({ count: 0 }));

  collectDefaultMetrics({ register: registry });
  counter(registry, 'stoa_requests_total', (add) => {
    for (const [kind, { statuses }] of kinds.entries())
      statuses.forEach((count, status) => {
        if (count > 0) add({ kind, status: status === 0 ? 'other' : String(status) }, count);
      });
  });
  counter(registry, 'stoa_lookups_total', (add) => {
    for (const [kind, slot] of kinds.entries())
      for (const outcome of ['hit', 'miss', 'stale'] as const)
        if (slot[outcome] > 0) add({ kind, outcome }, slot[outcome]);
  });
  counter(registry, 'stoa_response_bytes_total', (add) => {
    for (const [kind, { bytes }] of kinds.entries()) add({ kind }, bytes);
  });
  counter(registry, 'stoa_upstream_requests_total', (add) => {
    for (const [host, slot] of hosts.entries())
      for (const result of ['ok', 'absent', 'failed'] as const) add({ host, result }, slot[result]);
  });
  counter(registry, 'stoa_upstream_bytes_total', (add) => {
    for (const [host, { bytes }] of hosts.entries()) add({ host }, bytes);
  });
  counter(registry, 'stoa_events_total', (add) => {
    for (const [event, { count }] of events.entries()) add({ event }, count);
  });
  histogram(registry, 'stoa_request_duration_seconds', 'kind', kinds);
  histogram(registry, 'stoa_upstream_duration_seconds', 'host', hosts);
  new Gauge({
    name: 'stoa_build_info',
    help: metricTable.stoa_build_info.help,
    labelNames: metricTable.stoa_build_info.labels,
    registers: [registry],
  }).set({ version }, 1);

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
    gauge(name, read) {
      new Gauge({
        name,
        help: metricTable[name].help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** What is kept for each value of a label. */
interface Slots<T> {
  /** The slot of a value; that of `other` once there are `limit` of them. */
  get(value: string): T;
  entries(): Iterable<readonly [value: string, slot: T]>;
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

type CounterName = {
  [Name in keyof typeof metricTable]: (typeof metricTable)[Name]['type'] extends 'counter' ? Name : never;
}[keyof typeof metricTable];

type Add = (labels: Record<string, string>, value: number) => void;

/** Registers a counter whose values are read from our own numbers when it is rendered. */
function counter(registry: Registry, name: CounterName, read: (add: Add) => void): void {
  new Counter<string>({
    name,
    help: metricTable[name].help,
    labelNames: metricTable[name].labels,
    registers: [registry],
    collect() {
      this.reset();
      read((labels, value) => this.inc(labels, value));
    },
  });
}

/** The same for a histogram. prom-client's own cannot be set, but a registry asks no more of a metric than its name and values. */
function histogram(
  registry: Registry,
  name: 'stoa_request_duration_seconds' | 'stoa_upstream_duration_seconds',
  label: 'kind' | 'host',
  slots: Slots<{ readonly seconds: Histogram }>,
): void {
  const { help, type, buckets } = metricTable[name];
  const values = ([value, { seconds }]: readonly [string, { readonly seconds: Histogram }]) => [
    ...seconds.cumulative().map((count, bucket) => ({
      metricName: `${name}_bucket`,
      labels: { le: buckets[bucket]!, [label]: value },
      value: count,
    })),
    { metricName: `${name}_bucket`, labels: { le: '+Inf', [label]: value }, value: seconds.count() },
    { metricName: `${name}_sum`, labels: { [label]: value }, value: seconds.sum() },
    { metricName: `${name}_count`, labels: { [label]: value }, value: seconds.count() },
  ];
  registry.registerMetric({
    name,
    get: async () => ({ name, help, type, values: [...slots.entries()].flatMap(values) }),
  } as unknown as Metric);
}
