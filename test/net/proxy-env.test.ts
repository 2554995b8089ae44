import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createProxyChoice, proxySettings } from '../../src/net/proxy-env.ts';

const proxy = 'http://proxy.example.com:3128';

/** Whether a URL is asked for through the proxy. */
function isProxied(url: string, no: string): boolean {
  return createProxyChoice({ http: proxy, https: proxy, no }).proxyFor(new URL(url)) !== undefined;
}

describe('NO_PROXY', () => {
  test.each([
    ['', 'https://a.example.com/', true],
    ['example.com', 'https://example.com/', false],
    ['example.com', 'https://a.example.com/', false], // a name is its subdomains too
    ['example.com', 'https://badexample.com/', true],
    ['.example.com', 'https://example.com/', true], // a leading dot leaves the name itself out
    ['.example.com', 'https://a.b.example.com/', false],
    ['*.example.com', 'https://example.com/', true],
    ['*.example.com', 'https://a.example.com/', false],
    ['a.*.com', 'https://a.example.com/', true], // a star is known at the beginning only
    ['EXAMPLE.com', 'https://example.COM/', false],
    [' x.example , example.com ', 'https://example.com/', false],
    ['x.example example.com', 'https://example.com/', true], // spaces do not separate
    ['*', 'https://example.com/', false],
    ['x.example,*', 'http://8.8.8.8/', false],
    ['*:443', 'https://example.com/', true], // only alone it is every host
    ['example.com:443', 'https://example.com/', false],
    ['example.com:443', 'http://example.com/', true],
    ['example.com:8080', 'http://a.example.com:8080/', false],
    ['example.com:', 'https://example.com/', false],
    [':443', 'https://example.com/', true], // no host: ignored
    ['.', 'https://example.com/', true],
    ['8.8.8.8', 'https://8.8.8.8/', false],
    ['8.8.8.8:80', 'http://8.8.8.8/', false],
    ['8.8.8.8:80', 'https://8.8.8.8/', true],
    ['8.8.8', 'https://8.8.8.8/', true],
    ['8.8.8.0/24', 'https://8.8.8.8/', false],
    ['8.8.8.0/24', 'https://8.8.9.8/', true],
    ['8.8.8.0/24', 'https://example.com/', true], // names are not looked up for it
    ['0.0.0.0/0', 'https://8.8.8.8:99/', false],
    ['2606:4700::/32', 'https://[2606:4700::1111]/', false],
    ['2606:4700::1111', 'https://[2606:4700:0::1111]/', false],
    ['[2606:4700::1111]:443', 'https://[2606:4700::1111]/', false],
    ['[2606:4700::1111]:80', 'https://[2606:4700::1111]/', true],
    ['[2606:4700::1111]', 'https://[2606:4700::1111]/', true], // brackets belong to a port, as Go has it
    ['bücher.example', 'https://bücher.example/', false],
    ['.bücher.example', 'https://a.xn--bcher-kva.example/', false],
    ['http://example.com', 'https://example.com/', true], // not a host
  ])('%j: %s is proxied: %j', (no, url, proxied) => {
    expect(isProxied(url, no)).toBe(proxied);
  });

  test.each([
    'http://localhost:8080/',
    'https://localhost/',
    'http://127.0.0.1/',
    'http://127.1.2.3/',
    'https://[::1]/',
  ])('or not, %s is asked directly', (url) => expect(isProxied(url, '')).toBe(false));

  test('of any text is read', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9.,:*/[\] ]*$/));
    fc.assert(
      fc.property(text, fc.webUrl(), (no, url) => {
        expect(typeof isProxied(url, no)).toBe('boolean');
      }),
    );
  });

  test('exempts every host that it names, with its subdomains', () => {
    fc.assert(
      fc.property(fc.domain(), fc.array(fc.domain()), (host, others) => {
        const no = [...others, host].join();
        expect(isProxied(`https://${host}/`, no)).toBe(false);
        expect(isProxied(`https://sub.${host}/`, no)).toBe(false);
        expect(isProxied(`https://sub${host}/`, host)).toBe(true);
      }),
    );
  });
});

describe('a proxy', () => {
  const { proxyFor, hosts } = createProxyChoice({ http: 'http://plain:80', https: 'https://tls' });

  test('is chosen by the scheme of the URL', () => {
    expect(proxyFor(new URL('http://example.com/'))?.href).toBe('http://plain/');
    expect(proxyFor(new URL('https://example.com/'))?.href).toBe('https://tls/');
  });

  test('is listed with its port', () => {
    expect(hosts).toEqual(['plain:80', 'tls:443']);
  });

  test('for one scheme is none for the other', () => {
    const choice = createProxyChoice({ http: 'plain:3128' });
    expect(choice.proxyFor(new URL('https://example.com/'))).toBeUndefined();
    expect(choice.hosts).toEqual(['plain:3128']);
  });

  test.each([
    ['proxy:3128', 'http://proxy:3128/'],
    ['proxy', 'http://proxy/'],
    ['10.0.0.1:3128', 'http://10.0.0.1:3128/'],
    ['[fd00::1]:3128', 'http://[fd00::1]:3128/'],
    ['user:pass@proxy:3128', 'http://user:pass@proxy:3128/'],
    ['https://proxy:3128', 'https://proxy:3128/'],
  ])('%s is %s', (value, href) => {
    expect(createProxyChoice({ https: value }).proxyFor(new URL('https://example.com/'))?.href).toBe(href);
  });

  test.each(['socks5://u:hush@proxy', 'ftp://proxy', 'http://', 'a b', 'proxy:port'])(
    '%j is none',
    (value) => {
      const make = () => createProxyChoice({ https: value });
      expect(make).toThrow('HTTPS_PROXY: not a proxy: it must be host:port, or an http or https URL');
      expect(make).not.toThrow('hush');
    },
  );
});

describe('the environment', () => {
  test.each([
    [{ HTTP_PROXY: 'a', http_proxy: 'b' }, { http: 'a' }],
    [{ HTTP_PROXY: '', http_proxy: 'b' }, { http: 'b' }],
    [
      { https_proxy: 'a', no_proxy: 'b' },
      { https: 'a', no: 'b' },
    ],
    [
      { HTTPS_PROXY: 'a', NO_PROXY: 'b', ALL_PROXY: 'c' },
      { https: 'a', no: 'b' },
    ], // ALL_PROXY is not Go's
    [{ HTTP_PROXY: '' }, {}],
    [{}, {}],
  ])('%j is %j', (env, settings) => {
    expect(proxySettings(env)).toEqual(settings);
  });
});
