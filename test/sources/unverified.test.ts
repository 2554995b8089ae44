import { expect, test } from 'vitest';
import { startStoa } from '../fakes/stoa.ts';

const warning = /^GOSUMDB=off: public modules are not verified/;

async function told(env: Record<string, string>) {
  await using stoa = await startStoa({ upstream: 'off', env });
  const reply = await fetch(`${stoa.url}/readyz`);
  const lines = stoa.log.filter(({ level, message }) => level === 'WARN' && warning.test(message));
  return { status: reply.status, text: await reply.text(), warned: lines.length };
}

test('a server whose verification go commands turned off says so at its start and to probes, and serves', async () => {
  expect(await told({ GOSUMDB: 'off' })).toEqual({
    status: 200,
    text: expect.stringMatching(/^degraded: GOSUMDB=off: public modules are not verified/),
    warned: 1,
  });
});

test('one that was told so itself says nothing', async () => {
  expect(await told({ GOSUMDB: 'off', STOA_SUMDB: 'off' })).toEqual({ status: 200, text: 'ok\n', warned: 0 });
});
