import { describe, expect, it } from 'vitest';
import type { Incoming } from '../../src/http/exchange.ts';
import { createHome, type HomeOptions } from '../../src/http/home.ts';

function home(
  headers: Record<string, string>,
  options: Partial<HomeOptions> = {},
  encrypted = false,
): string {
  const page = createHome({ prefix: '', noSumPatterns: '', ...options });
  return page({ headers, socket: { encrypted } } as unknown as Incoming);
}

describe('the home page', () => {
  it('tells the line that points go here', () => {
    expect(home({ host: 'go.example.com:3000' })).toContain(
      'go env -w GOPROXY=&#39;http://go.example.com:3000,direct&#39;',
    );
  });

  it('knows its prefix and how it was reached', () => {
    expect(home({ host: 'a.example.com' }, { prefix: '/go' }, true)).toContain(
      'https://a.example.com/go,direct',
    );
    expect(home({ host: 'a.example.com', 'x-forwarded-proto': 'https' })).toContain('https://a.example.com,');
    expect(home({ host: 'a.example.com', 'x-forwarded-proto': 'javascript' })).toContain(
      'http://a.example.com,',
    );
    expect(home({ ':authority': 'b.example.com' }, {}, true)).toContain('https://b.example.com,');
    expect(home({ host: '[2001:db8::1]:3000' })).toContain('http://[2001:db8::1]:3000,');
  });

  it.each(['<script>', "a';rm -rf ~;'", 'a b', 'a"b', 'a/b', 'user@host', '', '$(id)', 'a,b'])(
    'does not repeat a host that could be anything else: %s',
    (host) => {
      const page = home({ host });
      expect(page).toContain('http://this-server.example.com,direct');
      if (host !== '') expect(page).not.toContain(`http://${host},`);
    },
  );

  it('names the modules that the checksum database must not hear of', () => {
    const page = home({ host: 'a.example.com' }, { noSumPatterns: "git.example.com/*,<b>'" });
    expect(page).toContain('go env -w GONOSUMDB=&#39;git.example.com/*,&#60;b&#62;');
    expect(page).not.toContain('<b>');
    expect(home({ host: 'a.example.com' })).not.toContain('go env -w GONOSUMDB');
  });

  it('loads nothing', () => {
    expect(home({ host: 'a.example.com' })).not.toMatch(/<script|<link|<img|src=/);
  });
});

describe('a template of Athens', () => {
  it('gets its two values, escaped', () => {
    const template = '<p>{{ .Host }} {{.NoSumPatterns}} {{- .Host -}}</p>';
    expect(home({ host: 'a.example.com' }, { template, noSumPatterns: '<&', prefix: '/go' })).toBe(
      '<p>http://a.example.com &#60;&#38; http://a.example.com</p>',
    );
  });

  it('keeps a dollar sign of a value', () => {
    expect(home({ host: 'a' }, { template: '{{ .NoSumPatterns }}', noSumPatterns: "$&$'" })).toBe(
      '$&#38;$&#39;',
    );
  });

  it('is refused where it asks for more', () => {
    expect(() => home({}, { template: '{{ range .Modules }}x{{ end }}' })).toThrow(
      'home page template: "{{ range .Modules " is not understood',
    );
  });
});
