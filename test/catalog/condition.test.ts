import { beforeEach, expect, test } from 'vitest';
import { type Condition, createCondition } from '../../src/catalog/condition.ts';
import type { Report } from '../../src/catalog/keeper.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { quietLog } from '../fakes/quiet.ts';

const well: Report = {
  left: { bytes: 0 },
  written: 0,
  jobsAdded: false,
  jobs: { waiting: 0, running: 0, failed: 0 },
  reconcile: false,
};

let condition: Condition;
let log: string[];
let outboxTrouble: string | undefined;
const clock = { now: 0 };
let metrics: ReturnType<typeof createMetrics>;
beforeEach(() => {
  log = [];
  outboxTrouble = undefined;
  clock.now = 1_000_000;
  metrics = createMetrics({ version: 'test' });
  const say = (message: string) => void log.push(message);
  condition = createCondition({
    log: { ...quietLog, info: say, error: say },
    metrics,
    now: () => clock.now,
    outboxTrouble: () => outboxTrouble,
  });
});

async function gauges(): Promise<Record<string, number>> {
  const { text } = await metrics.render();
  const lines = [...text.matchAll(/^stoa_(catalog_degraded|outbox_bytes|outbox_oldest_seconds) (\S+)$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name!, Number(value)]));
}

test('what waits is what the last report left, and what was written since', async () => {
  expect(await gauges()).toEqual({ catalog_degraded: 0, outbox_bytes: 0, outbox_oldest_seconds: 0 });
  condition.appended(100);
  clock.now += 5000;
  condition.appended(20);
  expect(condition.pending).toBe(120);
  expect(await gauges()).toEqual({ catalog_degraded: 0, outbox_bytes: 120, outbox_oldest_seconds: 5 });
  condition.hear({ ...well, left: { bytes: 20, oldest: clock.now } });
  clock.now += 1000;
  condition.appended(3);
  expect(await gauges()).toEqual({ catalog_degraded: 0, outbox_bytes: 23, outbox_oldest_seconds: 1 });
  condition.hear(well);
  expect(await gauges()).toEqual({ catalog_degraded: 0, outbox_bytes: 0, outbox_oldest_seconds: 0 });
});

test('trouble is told once when it comes and once when it goes', async () => {
  for (let i = 0; i < 3; i++) condition.hear({ ...well, trouble: 'database is locked' });
  expect(condition.trouble).toBe('database is locked');
  expect(await gauges()).toMatchObject({ catalog_degraded: 1 });
  for (let i = 0; i < 3; i++) condition.hear(well);
  expect(condition.trouble).toBeUndefined();
  expect(log).toEqual([
    'the catalog cannot be written; what happens waits in its outbox',
    'the catalog is written again',
  ]);
});

test('a thread that ended is trouble until it reports again', () => {
  condition.died(new Error('out of memory'));
  expect(condition.trouble).toBe('its thread ended: out of memory');
  condition.hear(well);
  expect(condition.trouble).toBeUndefined();
});

test('a thread that says nothing for a minute, though there is something to read, is trouble', () => {
  condition.hear(well);
  clock.now += 3_600_000;
  expect(condition.trouble).toBeUndefined();
  condition.appended(10);
  clock.now += 60_000;
  expect(condition.trouble).toBeUndefined();
  clock.now += 1;
  expect(condition.trouble).toBe('it does not answer');
});

test('what was lost is trouble until it is made good', () => {
  condition.lose();
  condition.lose();
  condition.hear({ ...well, trouble: 'database is locked' });
  expect(condition.trouble).toBe('its outbox was full, and 2 entries are lost: database is locked');
  condition.hear(well);
  expect(condition.trouble).toBe('its outbox was full, and 2 entries are lost');
  condition.lose();
  condition.madeGood(2);
  expect(condition.lost).toBe(1);
  condition.madeGood(1);
  expect(condition.trouble).toBeUndefined();
  expect(log.filter((line) => line.includes('entries are lost'))).toHaveLength(1);
});

test('an outbox that cannot be written comes first', () => {
  condition.hear({ ...well, trouble: 'database is locked' });
  outboxTrouble = 'ENOSPC';
  expect(condition.trouble).toBe('its outbox cannot be written: ENOSPC');
});
