import { execFile } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createTrust } from '../../src/net/trust.ts';
import { tlsFile } from '../fakes/tls.ts';
import { failure, openAsker, openOrigin, openSockets } from './origin.ts';

const ca = tlsFile('ca.pem');

describe('over TLS', () => {
  test('a host is trusted whose authority is an extra one', async () => {
    const origin = await openOrigin((_, response) => response.end('safe'), { certificate: 'server.pem' });
    const { get } = openAsker({ extraCa: [ca] });
    expect(await text((await get(origin.url)).body)).toBe('safe');
    const byName = new URL(origin.url);
    byName.hostname = 'localhost';
    expect(await text((await get(byName)).body)).toBe('safe');
  });

  test.each([
    [
      'whose authority nobody knows',
      'server.pem',
      [],
      'its certificate is signed by an authority that is not trusted here; an extra CA file can name it',
    ],
    ['whose certificate has expired', 'expired.pem', [ca], 'its certificate has expired'],
    ['whose certificate is for another name', 'other.pem', [ca], 'its certificate is for another name'],
  ])('a host %s is refused without another try', async (_, certificate, extraCa, reason) => {
    const origin = await openOrigin((_, response) => response.end(), { certificate });
    expect(await failure(openAsker({ extraCa }).get(origin.url))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: ${reason}`,
    });
    expect(origin.connections()).toBe(1);
    expect(origin.requests).toHaveLength(0);
  });

  test('a host that does not speak it is told apart', async () => {
    const origin = await openOrigin((_, response) => response.end());
    expect(await failure(openAsker().get(`https://${origin.host}/`))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: what answers there does not speak TLS`,
    });
  });

  test('a handshake that does not end meets the connect deadline', async () => {
    const origin = await openSockets((socket) => socket.resume());
    const { get } = openAsker({ deadlines: { connectMs: 50 } });
    expect(await failure(get(`https://${origin.host}/`))).toMatchObject({
      kind: 'timeout',
      message: `${origin.host}: no connection within 50 ms`,
    });
  });
});

test('NODE_EXTRA_CA_CERTS is trusted too', async () => {
  const origin = await openOrigin((_, response) => response.end('safe'), { certificate: 'server.pem' });
  const script = `
    import { text } from 'node:stream/consumers';
    import { createHttpClient } from ${JSON.stringify(new URL('../../src/net/http.ts', import.meta.url).href)};
    const client = createHttpClient({ userAgent: 'Stoa/test', namedHosts: ['127.0.0.1'] });
    const request = { signal: new AbortController().signal, maxBytes: 100 };
    const { body } = await client.get(new URL(process.argv[1]), request);
    console.log(await text(body));
    await client.close();
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', script, origin.url.href],
    { env: { NODE_EXTRA_CA_CERTS: fileURLToPath(new URL('../testdata/tls/ca.pem', import.meta.url)) } },
  );
  expect(stdout).toBe('safe\n');
});

describe('an extra certificate', () => {
  test.each([
    ['nothing', '', 'there is none in it'],
    ['a key', tlsFile('server.key'), 'there is none in it'],
    ['noise', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', ''],
  ])('that is %s is refused at once', (_, pem, reason) => {
    expect(() => createTrust([ca, pem])).toThrow(`extra CA certificate 2 can't be read: ${reason}`);
  });

  test('is one of several in a file, with other text between', async () => {
    const origin = await openOrigin((_, response) => response.end('safe'), { certificate: 'server.pem' });
    const { get } = openAsker({ extraCa: [`# ours\n${tlsFile('other.pem')}\n# theirs\n${ca}`] });
    expect(await text((await get(origin.url)).body)).toBe('safe');
  });
});
