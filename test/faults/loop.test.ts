import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { startStoa } from '../fakes/stoa.ts';

/** Milliseconds after which an answer is a hang. */
const patience = 10_000;

const targets = ['@v/list', '@latest', '@v/main.info', '@v/v1.0.0.info', '@v/v1.0.0.mod', '@v/v1.0.0.zip'];

test('a server whose upstream is the server itself says so to every request', async () => {
  await using door = await openDoor();
  await using stoa = await startStoa({ upstream: door.url });
  door.leadTo(stoa.url);
  for (const target of targets) {
    const answer = await ask(`${stoa.url}/example.com/m/${target}`);
    expect(answer.text).toMatch(
      /^example\.com\/m.*: loop: an upstream of this server leads back to this server; take one of the two out/,
    );
    // No 404: the go command would go on as if there were no such module.
    expect(answer.status, target).toBe(502);
  }
  // Each request came back once.
  expect(stoa.log.filter(({ message }) => message === 'request').length).toBeLessThanOrEqual(
    4 * targets.length,
  );
});

test('two servers that are the upstream of each other say so', async () => {
  await using door = await openDoor();
  await using first = await startStoa({ upstream: door.url, env: { STOA_NET_RETRIES: '0' } });
  await using second = await startStoa({ upstream: first.url, env: { STOA_NET_RETRIES: '0' } });
  door.leadTo(second.url);
  for (const [server, target] of targets.flatMap((target) => [
    [first, target] as const,
    [second, target] as const,
  ])) {
    const answer = await ask(`${server.url}/example.com/m${server === first ? 1 : 2}/${target}`);
    expect(answer.text).toMatch(/: loop: /);
    expect(answer.status, target).toBe(502);
  }
});

test('a loop of servers that try again ends in time, too', async () => {
  await using door = await openDoor();
  await using first = await startStoa({ upstream: door.url });
  await using second = await startStoa({ upstream: first.url });
  door.leadTo(second.url);
  expect(await ask(`${first.url}/example.com/m/@v/v1.0.0.info`)).toMatchObject({ status: 502 });
});

test('a loop is no absence: it is not remembered once it is gone', async () => {
  await using door = await openDoor();
  await using stoa = await startStoa({ upstream: door.url });
  door.leadTo(stoa.url);
  expect(await ask(`${stoa.url}/example.com/m/@v/list`)).toMatchObject({ status: 502 });
  await using other = await startStoa({ upstream: 'off' });
  door.leadTo(other.url);
  expect(await ask(`${stoa.url}/example.com/m/@v/list`)).toMatchObject({
    status: 502,
    text: expect.stringContaining('module look-up is turned off'),
  });
});

async function ask(url: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(patience) });
  return { status: answer.status, text: await answer.text() };
}

/** An address that is known before the server is that it leads to. */
async function openDoor() {
  let port = 0;
  const open = new Set<Socket>();
  const server = createServer((from) => {
    open.add(from);
    const to = connect(port, '127.0.0.1');
    // Either side may end it: what counts is said in the answers.
    pipeline(from, to, from).catch(() => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(url: string): void {
      port = Number(new URL(url).port);
      for (const socket of open) socket.destroy();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      server.close();
    },
  };
}
