import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import type { Histogram } from './histogram.ts';
import { type CounterName, type GaugeName, metricTable } from './metric-table.ts';
import type { Metrics, Recorded, Slots } from './metrics.ts';

/** Renders what was recorded, and process and runtime, in a registry of its own. Nothing is copied before it is asked for. */
export function createRenderer(recorded: Recorded): Metrics['render'] {
  const { version, kinds, hosts, events, commands, remotes, removedCopies, readers } = recorded;
  const registry = new Registry();
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
  counter(registry, 'stoa_vcs_processes_total', (add) => {
    for (const [command, slot] of commands.entries())
      for (const result of ['ok', 'failed', 'stopped'] as const) add({ command, result }, slot[result]);
  });
  counter(registry, 'stoa_vcs_requests_total', (add) => {
    for (const [host, slot] of remotes.entries())
      for (const kind of ['refs', 'pack'] as const)
        for (const result of ['ok', 'failed'] as const) add({ host, kind, result }, slot[kind][result]);
  });
  counter(registry, 'stoa_vcs_bytes_total', (add) => {
    for (const [host, { bytes }] of remotes.entries()) add({ host }, bytes);
  });
  counter(registry, 'stoa_vcs_copies_removed_total', (add) => {
    for (const reason of ['evicted', 'broken'] as const) add({ reason }, removedCopies[reason]);
  });
  histogram(registry, 'stoa_vcs_process_duration_seconds', 'command', commands);
  histogram(registry, 'stoa_request_duration_seconds', 'kind', kinds);
  histogram(registry, 'stoa_upstream_duration_seconds', 'host', hosts);
  const { help, labels } = metricTable.stoa_build_info;
  const registers = [registry];
  new Gauge({ name: 'stoa_build_info', help, labelNames: labels, registers }).set({ version }, 1);

  return async () => {
    for (const [name, read] of readers) {
      if (registry.getSingleMetric(name) !== undefined) continue;
      if (isCounter(name)) {
        counter(registry, name, (add) => add({}, read()));
        continue;
      }
      const collect = function (this: Gauge) {
        this.set(read());
      };
      new Gauge({ name, help: metricTable[name].help, registers, collect });
    }
    return { contentType: registry.contentType, text: await registry.metrics() };
  };
}

type NameOf<Type> = {
  [Name in keyof typeof metricTable]: (typeof metricTable)[Name]['type'] extends Type ? Name : never;
}[keyof typeof metricTable];

function isCounter(name: GaugeName | CounterName): name is CounterName {
  return metricTable[name].type === 'counter';
}

type Add = (labels: Record<string, string>, value: number) => void;

/** Registers a counter whose values are read from our own numbers when it is rendered. */
function counter(registry: Registry, name: NameOf<'counter'>, read: (add: Add) => void): void {
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
  name: NameOf<'histogram'>,
  label: string,
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
