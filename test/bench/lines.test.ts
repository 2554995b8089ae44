import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createData, filePath, sizedModule, version } from '../../bench/data.ts';
import { type Get, startClient } from '../../bench/load.ts';
import { createProcesses } from '../../bench/processes.ts';

const processes = createProcesses();
const path = filePath(sizedModule('10mb', 'one'), 'zip');
const size = Buffer.concat(createData().zip(sizedModule('10mb', 'one'), version)).length;

let get: Get;
let upstream: string;
let relay: string;
beforeAll(async () => {
  const { told: ports } = await processes.fork<number[]>('upstream.ts', ['30', '0']);
  const { told: relayPort } = await processes.fork<number>('relay.ts', [String(ports[1]), '30', '200e6']);
  upstream = `http://127.0.0.1:${ports[0]}`;
  relay = `http://127.0.0.1:${relayPort}`;
  get = await startClient(processes);
});
afterAll(() => processes.stopAll());

describe('the lines of the benchmark', () => {
  test('give whole files, not before their latency is over', async () => {
    const [result] = await get([upstream + path]);
    expect(result).toMatchObject({ status: 200, bytes: size });
    expect(result).not.toHaveProperty('failure');
    // Node's timers may fire a millisecond early.
    expect(result!.firstByte).toBeGreaterThan(29);
  });

  test('are no faster than the relay lets them, which all connections share', async () => {
    const results = await get([relay + path, relay + path], { atOnce: true });
    for (const result of results) expect(result).toMatchObject({ status: 200, bytes: size });
    expect(Math.min(...results.map(({ firstByte }) => firstByte))).toBeGreaterThan(29);
    const seconds = (2 * size * 8) / 200e6;
    expect(Math.max(...results.map(({ total }) => total))).toBeGreaterThan(seconds * 1000);
  });

  test('count what they were asked for, since the last time', async () => {
    const counts = async () => (await fetch(`${upstream}/__counts`)).json();
    await counts();
    const mod = filePath(sizedModule('20kb', 'one'), 'mod');
    await get([upstream + mod, relay + mod, `${upstream}/nothing`]);
    expect(await counts()).toEqual({ [mod]: 2, '/nothing': 1 });
    expect(await counts()).toEqual({});
  });

  test('say what was wrong with an answer', async () => {
    const [missing] = await get([`${upstream}/nothing`]);
    expect(missing).not.toHaveProperty('failure');
    expect(missing).toMatchObject({ status: 404 });
    const [refused] = await get(['http://127.0.0.1:1/']);
    expect(refused).toMatchObject({ status: 0, failure: expect.stringContaining('ECONNREFUSED') });
  });
});
