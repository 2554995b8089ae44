// Writes docs/metrics.md from the table of metrics; a test holds the page against it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MetricEntry, metricTable } from '../src/observe/metric-table.ts';

/** The text of docs/metrics.md. */
export function metricsPage(): string {
  const entries = Object.entries<MetricEntry>(metricTable);
  const rows = entries.map(
    ([name, { type, labels, help }]) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help} |`,
  );
  const buckets = entries.flatMap(([name, entry]) =>
    entry.buckets === undefined ? [] : [`- \`${name}\`: ${entry.buckets.join(', ')}`],
  );
  return `# Metrics

\`GET /metrics\` answers in the Prometheus text format. Labels take a bounded number of values; further ones are counted as
\`other\`.

| name | type | labels | what it says |
|---|---|---|---|
${rows.join('\n')}

The upper bounds of the buckets, in seconds:

${buckets.join('\n')}

Beside them stand \`process_…\` (CPU, memory, file descriptors) and \`nodejs_…\` (event loop lag, garbage collection, heap), as
prom-client names them.
`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '../docs/metrics.md'), metricsPage());
