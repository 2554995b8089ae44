import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { tlsFile } from '../fakes/tls.ts';
import { failure, openAsker, openOrigin } from './origin.ts';

/** Answers every request with a redirect to this place. */
function openRedirect(status: number, location: string, certificate?: string) {
  return openOrigin(
    (_, response) => response.writeHead(status, { location }).end('moved'),
    certificate === undefined ? {} : { certificate },
  );
}

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('%i is followed', async (status) => {
    const target = await openOrigin((_, response) => response.end('here'));
    const origin = await openRedirect(status, new URL('/there?signature=1', target.url).href);
    const reply = await openAsker().get(origin.url);
    expect(await text(reply.body)).toBe('here');
    expect(reply.url.href).toBe(`http://${target.host}/there?signature=1`);
  });

  test.each([
    ['/root', '/root'],
    ['sibling', '/a/sibling'],
    ['../up', '/up'],
    ['?query', '/a/b?query'],
    ['b2#part', '/a/b2'], // the fragment stays here
  ])('to %j is read relative to where it came from', async (location, path) => {
    const origin = await openOrigin(({ url }, response) => {
      if (url === '/a/b') response.writeHead(302, { location }).end();
      else response.end(url);
    });
    const reply = await openAsker().get(new URL('/a/b', origin.url));
    expect(await text(reply.body)).toBe(path);
  });

  test.each([
    [300, '/other'],
    [304, '/other'],
    [305, '/other'],
    [200, '/other'],
    [302, undefined],
  ])('is not seen in status %i with location %j', async (status, location) => {
    const origin = await openOrigin((_, response) => {
      response.writeHead(status, location === undefined ? {} : { location }).end();
    });
    const reply = await openAsker().get(origin.url);
    expect(reply.status).toBe(status);
    reply.body.destroy();
    expect(origin.requests).toHaveLength(1);
  });

  test('is followed ten times, and not an eleventh time', async () => {
    const origin = await openOrigin(({ url = '' }, response) => {
      const left = Number(url.slice(1));
      if (left > 0) response.writeHead(302, { location: `/${left - 1}` }).end();
      else response.end('there');
    });
    const { get } = openAsker();
    expect(await text((await get(new URL('/10', origin.url))).body)).toBe('there');
    expect(await failure(get(new URL('/11', origin.url)))).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: stopped after 10 redirects`,
    });
  });

  test('in a circle ends', async () => {
    const origin = await openRedirect(302, '/');
    expect(await failure(openAsker().get(origin.url))).toMatchObject({ kind: 'upstream' });
    expect(origin.requests).toHaveLength(11);
  });

  test('from https to http is refused, and nothing is asked there', async () => {
    const target = await openOrigin((_, response) => response.end());
    const origin = await openRedirect(301, new URL('/secret?token=hush', target.url).href, 'server.pem');
    const error = await failure(openAsker({ extraCa: [tlsFile('ca.pem')] }).get(origin.url));
    expect(error).toMatchObject({
      kind: 'upstream',
      message: `${origin.host}: refused its redirect from https to http at ${target.host}`,
    });
    expect(target.requests).toHaveLength(0);
  });

  test('from http to https is followed', async () => {
    const target = await openOrigin((_, response) => response.end('safe'), { certificate: 'server.pem' });
    const origin = await openRedirect(301, target.url.href);
    const reply = await openAsker({ extraCa: [tlsFile('ca.pem')] }).get(origin.url);
    expect(await text(reply.body)).toBe('safe');
  });

  test.each([
    ['file:///etc/passwd', /: only http and https URLs can be fetched$/],
    ['ftp://127.0.0.1/', /: only http and https URLs can be fetched$/],
    ['http://[', /: redirected to what is no URL$/],
  ])('to %j is refused', async (location, message) => {
    const origin = await openRedirect(302, location);
    const error = await failure(openAsker().get(origin.url));
    expect(error).toMatchObject({ kind: 'upstream' });
    expect(error.message).toMatch(message);
  });

  test('to a private address is refused, while the host that is named may have one', async () => {
    const target = await openOrigin((_, response) => response.end('metadata'));
    const origin = await openRedirect(302, target.url.href);
    const { get } = openAsker({ namedHosts: [origin.host] });
    expect(await failure(get(origin.url))).toMatchObject({
      kind: 'upstream',
      message:
        '127.0.0.1: refused to connect to a loopback address; only hosts named in the settings may have one',
    });
    expect(target.connections()).toBe(0);
  });
});

test('user and password in the place of a redirect are not used', async () => {
  const origin = await openOrigin(({ url, headers }, response) => {
    const location = `http://gopher:hush@${headers.host}/next`;
    if (url === '/') response.writeHead(302, { location }).end();
    else response.end(headers.authorization ?? 'none');
  });
  const reply = await openAsker().get(origin.url);
  expect(await text(reply.body)).toBe('none');
  expect(reply.url.href).toBe(`http://${origin.host}/next`);
});

describe('the headers of the caller', () => {
  test('go along to the same host', async () => {
    const origin = await openOrigin(({ url, headers }, response) => {
      if (url === '/') response.writeHead(302, { location: '/next' }).end();
      else response.end(`${headers.authorization} ${headers['x-own']}`);
    });
    const reply = await openAsker().get(origin.url, { headers: { Authorization: 'mine', 'X-Own': 'yes' } });
    expect(await text(reply.body)).toBe('mine yes');
  });

  test('lose Authorization and Cookie on the way to another host, and on the way back', async () => {
    const seen: (string | undefined)[][] = [];
    const note = (headers: NodeJS.Dict<string | string[]>) => {
      seen.push([String(headers.authorization), String(headers.cookie), String(headers['x-own'])]);
    };
    const origin = await openOrigin(({ url, headers }, response) => {
      note(headers);
      if (url === '/') response.writeHead(302, { location: `http://${other.host}/` }).end();
      else response.end('back');
    });
    const other = await openOrigin(({ headers }, response) => {
      note(headers);
      response.writeHead(302, { location: `http://${origin.host}/back` }).end();
    });
    const headers = { AUTHORIZATION: 'mine', cookie: 'a=b', 'X-Own': 'yes' };
    const reply = await openAsker().get(origin.url, { headers });
    expect(await text(reply.body)).toBe('back');
    expect(seen).toEqual([
      ['mine', 'a=b', 'yes'],
      ['undefined', 'undefined', 'yes'],
      ['undefined', 'undefined', 'yes'],
    ]);
  });
});
