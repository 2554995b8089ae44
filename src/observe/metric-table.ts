/** One metric of ours, as docs/metrics.md shows it. */
export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** One sentence: what is counted, and in which unit where the name does not say it. */
  readonly help: string;
  /** Upper bounds of a histogram's buckets, in seconds. */
  readonly buckets?: readonly number[];
}

/** What a hit costs is told apart below a millisecond, what a miss waits for up to the longest deadline. */
const requestBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];
const processBuckets = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600];
const upstreamBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Every metric of ours, by name; docs/metrics.md is made from it. Process and runtime metrics come from prom-client. */
export const metricTable = {
  stoa_build_info: {
    type: 'gauge',
    labels: ['version'],
    help: 'Always 1; the label names the version that runs.',
  },
  stoa_requests_total: {
    type: 'counter',
    labels: ['kind', 'status'],
    help: 'Finished requests by what was asked for (list, latest, query, info, mod, zip, sumdb, or another route) and HTTP status; 499 for a client that left.',
  },
  stoa_request_duration_seconds: {
    type: 'histogram',
    labels: ['kind'],
    help: 'Time from the head of a request to the end of its answer.',
    buckets: requestBuckets,
  },
  stoa_response_bytes_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Bytes of response bodies sent.',
  },
  stoa_lookups_total: {
    type: 'counter',
    labels: ['kind', 'outcome'],
    help: 'Requests answered from the stash (hit), with a kept answer while its source is asked again or is down (stale), or fetched (miss).',
  },
  stoa_upstream_requests_total: {
    type: 'counter',
    labels: ['host', 'result'],
    help: 'Requests to sources, with their redirects and retries as one: ok, absent (the source says it does not exist) or failed.',
  },
  stoa_upstream_duration_seconds: {
    type: 'histogram',
    labels: ['host'],
    help: 'Time from asking a source to the end of its answer.',
    buckets: upstreamBuckets,
  },
  stoa_upstream_bytes_total: {
    type: 'counter',
    labels: ['host'],
    help: 'Bytes of bodies received from sources.',
  },
  stoa_vcs_processes_total: {
    type: 'counter',
    labels: ['command', 'result'],
    help: 'Processes of git, ssh and go that ended, by the command of git or go: ok, failed (merge-base also where the answer is no) or stopped (by a deadline, for a client that left, or for want of work).',
  },
  stoa_vcs_process_duration_seconds: {
    type: 'histogram',
    labels: ['command'],
    help: 'Time from the start of such a process to its end; connections and readers of objects are kept a while for who comes next.',
    buckets: processBuckets,
  },
  stoa_vcs_requests_total: {
    type: 'counter',
    labels: ['host', 'kind', 'result'],
    help: 'What was asked of repositories over git: their branches and tags (refs) or objects (pack), ok or failed.',
  },
  stoa_vcs_bytes_total: {
    type: 'counter',
    labels: ['host'],
    help: 'Bytes of packs received from repositories.',
  },
  stoa_vcs_copies_removed_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Local copies of repositories that were removed: evicted for want of room, or broken.',
  },
  stoa_events_total: {
    type: 'counter',
    labels: ['event'],
    help: 'Things to alert on, such as a source that sent what contradicts what is stored.',
  },
  stoa_connections: {
    type: 'gauge',
    labels: [],
    help: 'Open client connections.',
  },
  stoa_misses_running: {
    type: 'gauge',
    labels: [],
    help: 'Fetches from sources that are under way.',
  },
  stoa_misses_waiting: {
    type: 'gauge',
    labels: [],
    help: 'Fetches that wait for one of the bounded places.',
  },
  stoa_workers_busy: {
    type: 'gauge',
    labels: [],
    help: 'Worker threads that verify or write a zip.',
  },
  stoa_workers_waiting: {
    type: 'gauge',
    labels: [],
    help: 'Zips that wait for a worker thread.',
  },
  stoa_vcs_processes_running: {
    type: 'gauge',
    labels: [],
    help: 'Processes of git, ssh and go that run.',
  },
  stoa_vcs_copies: {
    type: 'gauge',
    labels: [],
    help: 'Local copies of repositories.',
  },
  stoa_vcs_copies_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Bytes of local copies of repositories.',
  },
  stoa_memory_tier_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Bytes of files kept in memory.',
  },
  stoa_memory_tier_entries: {
    type: 'gauge',
    labels: [],
    help: 'Files kept in memory.',
  },
  stoa_cache_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Bytes of local copies of modules in a remote store, as the file system counts them.',
  },
  stoa_cache_entries: {
    type: 'gauge',
    labels: [],
    help: 'Files of which there are local copies.',
  },
  stoa_stash_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Bytes of module files in the store, as last counted.',
  },
  stoa_stash_versions: {
    type: 'gauge',
    labels: [],
    help: 'Module versions in the store, as last counted.',
  },
  stoa_degraded: {
    type: 'gauge',
    labels: [],
    help: '1 while the store cannot be written, else 0; readyz says why.',
  },
  stoa_catalog_degraded: {
    type: 'gauge',
    labels: [],
    help: '1 while the catalog cannot be written, or lacks lines, else 0; readyz says why.',
  },
  stoa_catalog_entries_total: {
    type: 'counter',
    labels: [],
    help: 'Lines of the outbox that were written to the catalog: versions, events and new jobs.',
  },
  stoa_outbox_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Bytes of lines that wait for the catalog.',
  },
  stoa_outbox_oldest_seconds: {
    type: 'gauge',
    labels: [],
    help: 'How long the oldest of these lines has waited.',
  },
  stoa_jobs_waiting: {
    type: 'gauge',
    labels: [],
    help: 'Jobs that wait for their time, of all processes that share the catalog.',
  },
  stoa_jobs_running: {
    type: 'gauge',
    labels: [],
    help: 'Jobs under way.',
  },
  stoa_jobs_failed: {
    type: 'gauge',
    labels: [],
    help: 'Jobs that were given up.',
  },
} as const satisfies Readonly<Record<string, MetricEntry>>;

/** The name of a metric of ours. */
type MetricName = keyof typeof metricTable;

/** The metrics that are read when they are asked for: those without labels. */
type Read<Type> = {
  [Name in MetricName]: (typeof metricTable)[Name] extends { type: Type; labels: readonly [] } ? Name : never;
}[MetricName];
export type GaugeName = Read<'gauge'>;
export type CounterName = Read<'counter'>;
