import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { metricsPage } from '../../scripts/docs-metrics.ts';
import { createHistogram } from '../../src/observe/histogram.ts';
import { metricTable } from '../../src/observe/metric-table.ts';
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts';

describe('/metrics', () => {
  test('counts requests by kind and status, their outcome and their bytes', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.request('zip', 'hit', 200, 1000, 0.2);
    metrics.request('zip', 'miss', 200, 500, 2000);
    metrics.request('zip', undefined, 404, 20, 1);
    metrics.request('list', 'stale', 200, 7, 1);
    expect(await samples(metrics, /^stoa_(requests|lookups|response)/)).toEqual({
      'stoa_requests_total{kind="zip",status="200"}': 2,
      'stoa_requests_total{kind="zip",status="404"}': 1,
      'stoa_requests_total{kind="list",status="200"}': 1,
      'stoa_lookups_total{kind="zip",outcome="hit"}': 1,
      'stoa_lookups_total{kind="zip",outcome="miss"}': 1,
      'stoa_lookups_total{kind="list",outcome="stale"}': 1,
      'stoa_response_bytes_total{kind="zip"}': 1520,
      'stoa_response_bytes_total{kind="list"}': 7,
    });
  });

  test('tells how long requests took, in seconds', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    for (const milliseconds of [0.2, 0.5, 3, 700_000]) metrics.request('info', 'hit', 200, 1, milliseconds);
    expect(await samples(metrics, /^stoa_request_duration/)).toMatchObject({
      'stoa_request_duration_seconds_bucket{le="0.0005",kind="info"}': 2,
      'stoa_request_duration_seconds_bucket{le="0.0025",kind="info"}': 2,
      'stoa_request_duration_seconds_bucket{le="0.005",kind="info"}': 3,
      'stoa_request_duration_seconds_bucket{le="300",kind="info"}': 3,
      'stoa_request_duration_seconds_bucket{le="+Inf",kind="info"}': 4,
      'stoa_request_duration_seconds_count{kind="info"}': 4,
      'stoa_request_duration_seconds_sum{kind="info"}': 700.0037,
    });
  });

  test('counts what was asked of each source, and its failures also when there were none', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.upstream('goproxy.io', 'ok', 100, 40);
    metrics.upstream('goproxy.io', 'absent', 10, 20);
    expect(await samples(metrics, /^stoa_upstream_(requests|bytes|duration_seconds_(sum|count))/)).toEqual({
      'stoa_upstream_requests_total{host="goproxy.io",result="ok"}': 1,
      'stoa_upstream_requests_total{host="goproxy.io",result="absent"}': 1,
      'stoa_upstream_requests_total{host="goproxy.io",result="failed"}': 0,
      'stoa_upstream_bytes_total{host="goproxy.io"}': 110,
      'stoa_upstream_duration_seconds_sum{host="goproxy.io"}': 0.06,
      'stoa_upstream_duration_seconds_count{host="goproxy.io"}': 2,
    });
  });

  test('counts events, reads gauges when it is asked, and names the version', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    let bytes = 1;
    metrics.gauge('stoa_memory_tier_bytes', () => bytes);
    metrics.event('mismatch');
    metrics.event('mismatch');
    bytes = 2;
    expect(await samples(metrics, /^stoa_(events|memory|build)/)).toEqual({
      'stoa_events_total{event="mismatch"}': 2,
      stoa_memory_tier_bytes: 2,
      'stoa_build_info{version="1.2.3"}': 1,
    });
  });

  test('counts what reading repositories took', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.vcs.process('archive', 'ok', 4);
    metrics.vcs.process('archive', 'stopped', 400);
    metrics.vcs.request('github.com', 'refs', 'ok', 0);
    metrics.vcs.request('github.com', 'pack', 'ok', 1000);
    metrics.vcs.request('github.com', 'pack', 'failed', 0);
    metrics.vcs.removed('evicted');
    expect(await samples(metrics, /^stoa_vcs.*(total|sum|le="0.5"|le="0.005")/)).toEqual({
      'stoa_vcs_processes_total{command="archive",result="ok"}': 1,
      'stoa_vcs_processes_total{command="archive",result="failed"}': 0,
      'stoa_vcs_processes_total{command="archive",result="stopped"}': 1,
      'stoa_vcs_process_duration_seconds_bucket{le="0.005",command="archive"}': 1,
      'stoa_vcs_process_duration_seconds_bucket{le="0.5",command="archive"}': 2,
      'stoa_vcs_process_duration_seconds_sum{command="archive"}': 0.404,
      'stoa_vcs_requests_total{host="github.com",kind="refs",result="ok"}': 1,
      'stoa_vcs_requests_total{host="github.com",kind="refs",result="failed"}': 0,
      'stoa_vcs_requests_total{host="github.com",kind="pack",result="ok"}': 1,
      'stoa_vcs_requests_total{host="github.com",kind="pack",result="failed"}': 1,
      'stoa_vcs_bytes_total{host="github.com"}': 1000,
      'stoa_vcs_copies_removed_total{reason="evicted"}': 1,
      'stoa_vcs_copies_removed_total{reason="broken"}': 0,
    });
  });

  test('reads a counter that somebody else counts when it is asked', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    let entries = 3;
    metrics.counter('stoa_catalog_entries_total', () => entries);
    const read = () => samples(metrics, /^stoa_catalog_entries/);
    expect(await read()).toEqual({ stoa_catalog_entries_total: 3 });
    entries = 5;
    expect(await read()).toEqual({ stoa_catalog_entries_total: 5 });
    expect(() => metrics.counter('stoa_catalog_entries_total', () => 8)).toThrow('is there already');
  });

  test('tells of the process and the event loop too', async () => {
    const { contentType, text } = await createMetrics({ version: '1' }).render();
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
      'nodejs_gc_duration_seconds',
    ])
      expect(text).toContain(`# TYPE ${name} `);
  });

  test('takes a gauge also after it was asked, but no gauge twice', async () => {
    const metrics = createMetrics({ version: '1' });
    await metrics.render();
    metrics.gauge('stoa_connections', () => 7);
    expect(await samples(metrics, /^stoa_connections/)).toEqual({ stoa_connections: 7 });
    expect(() => metrics.gauge('stoa_connections', () => 8)).toThrow(
      'gauge stoa_connections is there already',
    );
  });

  test('says the same when it is asked twice', async () => {
    const metrics = createMetrics({ version: '1' });
    metrics.request('mod', 'hit', 200, 5, 1);
    expect(await samples(metrics, /^stoa_/)).toEqual(await samples(metrics, /^stoa_/));
  });

  test('is of one process each: two of them share nothing', async () => {
    const one = createMetrics({ version: '1' });
    const other = createMetrics({ version: '1' });
    one.event('mismatch');
    expect(await samples(other, /^stoa_events/)).toEqual({});
  });

  test('has a bounded number of label values: the rest is other', async () => {
    const metrics = createMetrics({ version: '1' });
    for (let number = 0; number < 1000; number++) {
      metrics.request(`kind${number}`, 'hit', 200, 1, 1);
      metrics.upstream(`host${number}`, 'ok', 1, 1);
      metrics.event(`event${number}`);
    }
    metrics.request('kind0', undefined, 7, 1, 1);
    const found = await samples(metrics, /^stoa_(response|upstream_bytes|events)/);
    expect(Object.keys(found)).toHaveLength(33 + 65 + 65);
    expect(found).toMatchObject({
      'stoa_response_bytes_total{kind="other"}': 968,
      'stoa_upstream_bytes_total{host="other"}': 936,
      'stoa_events_total{event="other"}': 936,
    });
    expect(await samples(metrics, /kind0.*status/)).toEqual({
      'stoa_requests_total{kind="kind0",status="200"}': 1,
      'stoa_requests_total{kind="kind0",status="other"}': 1,
    });
  });
});

test('a histogram counts each value in the first bucket that holds it', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -10, max: 10, noNaN: true })), (values) => {
      const bounds = [-5, 0, 0.5, 7];
      const histogram = createHistogram(bounds);
      for (const value of values) histogram.observe(value);
      expect(histogram.cumulative()).toEqual(
        bounds.map((bound) => values.filter((value) => value <= bound).length),
      );
      expect(histogram.count()).toBe(values.length);
      expect(histogram.sum()).toBeCloseTo(values.reduce((sum, value) => sum + value, 0));
    }),
  );
});

describe('docs/metrics.md', () => {
  test('is what the table says (node scripts/docs-metrics.ts writes it)', () => {
    expect(readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8')).toBe(metricsPage());
  });

  test('names every metric that is rendered, and renders nothing else of ours', async () => {
    const metrics = createMetrics({ version: '1' });
    metrics.request('zip', 'hit', 200, 1, 1);
    metrics.upstream('goproxy.io', 'ok', 1, 1);
    metrics.event('mismatch');
    metrics.vcs.process('ls-tree', 'ok', 1);
    metrics.vcs.request('github.com', 'refs', 'ok', 0);
    for (const [name, { type, labels }] of Object.entries(metricTable)) {
      if (labels.length > 0) continue;
      if (type === 'gauge') metrics.gauge(name as 'stoa_connections', () => 0);
      if (type === 'counter') metrics.counter(name as 'stoa_catalog_entries_total', () => 0);
    }
    const { text } = await metrics.render();
    const rendered = [...text.matchAll(/^# TYPE (stoa_\S+) (\S+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const listed = Object.entries(metricTable).map(([name, { type }]) => `${name} ${type}`);
    expect(rendered.sort()).toEqual(listed.sort());
    for (const [name, { labels }] of Object.entries(metricTable)) {
      const sample = new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? `, 'm').exec(text);
      const found = [...(sample?.[1] ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label);
      expect(found, name).toEqual(labels);
    }
  });
});

/** The samples whose line matches, by name and labels. */
async function samples(metrics: Metrics, pattern: RegExp): Promise<Record<string, number>> {
  const { text } = await metrics.render();
  const lines = text.split('\n').filter((line) => pattern.test(line));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}
