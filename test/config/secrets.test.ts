import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkConfig, showConfig } from '../../src/cli/config.ts';
import { load, machineOf, problemsOf, type Said } from './machine.ts';

const table = (line: string) => `[[credentials]]\nhost = "git.example.com"\n${line}`;

const oneOf =
  'it needs exactly one of username with password, token, header with value, ssh_key_file, ssh_agent, helper or github_app';

describe('a credential', () => {
  test.each([
    ['username = "u"\npassword = "p"', { kind: 'basic', username: 'u', password: 'p' }],
    ['username = "u"', { kind: 'basic', username: 'u', password: '' }],
    ['token = "t"', { kind: 'bearer', token: 't' }],
    ['header = "X-Key"\nvalue = "v"', { kind: 'header', name: 'X-Key', value: 'v' }],
    ['username = "u"\npassword_file = "/p"', { kind: 'basic', username: 'u', password: 'from file' }],
    ['token_file = "/p"', { kind: 'bearer', token: 'from file' }],
    ['header = "X-Key"\nvalue_file = "/p"', { kind: 'header', name: 'X-Key', value: 'from file' }],
    ['token = "t"\nkind = "github"', { kind: 'basic', username: 'x-access-token', password: 't' }],
    ['token = "t"\nkind = "gitlab"', { kind: 'basic', username: 'oauth2', password: 't' }],
    ['token = "t"\nkind = "gitea"', { kind: 'basic', username: 'oauth2', password: 't' }],
    ['token = "t"\nkind = "bitbucket"', { kind: 'basic', username: 'x-token-auth', password: 't' }],
    ['token = "t"\nkind = "azure"', { kind: 'basic', username: 'stoa', password: 't' }],
    ['token = "t"\nkind = "bearer"', { kind: 'bearer', token: 't' }],
    ['ssh_key_file = "/p"', { kind: 'ssh', identityFile: '/p' }],
    [
      'ssh_key_file = "/p"\nknown_hosts_file = "/p"',
      { kind: 'ssh', identityFile: '/p', knownHostsFile: '/p' },
    ],
    ['ssh_agent = "/run/agent"', { kind: 'ssh', agentSocket: '/run/agent' }],
    ['helper = "store --file /f"', { kind: 'helper', command: 'store --file /f', usePath: false }],
    [
      'helper = ["/bin/helper", "--x"]\nuse_http_path = true',
      { kind: 'helper', command: ['/bin/helper', '--x'], usePath: true },
    ],
  ])('may be %j', (line, secret) => {
    const files = { 'stoa.toml': table(line), '/p': 'from file\n' };
    expect(load({ files }).settings.credentials).toEqual([{ host: 'git.example.com', secret }]);
  });

  test.each([
    ['github.com', 'x-access-token'],
    ['gitlab.com', 'oauth2'],
    ['codeberg.org', 'oauth2'],
    ['bitbucket.org', 'x-token-auth'],
    ['dev.azure.com', 'stoa'],
  ])('that is a token for %s is what that host takes', (host, username) => {
    const text = `[[credentials]]\nhost = "${host}"\ntoken = "t"`;
    const secret = { kind: 'basic', username, password: 't' };
    expect(load({ files: { 'stoa.toml': text } }).settings.credentials).toEqual([{ host, secret }]);
  });

  describe('that is a GitHub App', () => {
    const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs1',
      format: 'pem',
    });
    const tableOf = (host: string, more = '') =>
      `[[credentials]]\nhost = "${host}"\ngithub_app = 12\nprivate_key_file = "/key"\n${more}`;
    const filesOf = (host: string, more?: string) => ({ 'stoa.toml': tableOf(host, more), '/key': `${pem}` });

    test.each([
      ['github.com', '', 'https://api.github.com'],
      ['corp.ghe.com', '', 'https://api.corp.ghe.com'], // with data residency
      ['github.corp.example', '', 'https://github.corp.example/api/v3'],
      ['github.corp.example:8443', '', 'https://github.corp.example:8443/api/v3'],
      ['github.com', 'api_url = "https://api.corp.example/gh/"', 'https://api.corp.example/gh'],
      ['github.com', 'api_url = "http://127.0.0.1:1"\nallow_http = true', 'http://127.0.0.1:1'],
    ])('of %s, with %j, has its API at %s', (host, more, api) => {
      const [found] = load({ files: filesOf(host, more) }).settings.credentials;
      expect(found).toMatchObject({ host, secret: { kind: 'app', app: '12', api } });
    });

    test('may name its installation', () => {
      const [found] = load({ files: filesOf('github.com', 'installation_id = 34') }).settings.credentials;
      expect(found?.secret).toMatchObject({ installation: 34 });
    });

    test.each(['http://api.example', 'https://u:p@api.example', 'api.example', 'https://api.example/?a'])(
      'has no API at %s',
      (url) => {
        expect(problemsOf({ files: filesOf('github.com', `api_url = "${url}"`) })).toEqual([
          expect.stringContaining('api_url is no https URL, or holds more than a host and a path'),
        ]);
      },
    );
  });

  test('names what it may be used for', () => {
    const text = table(
      'token = "t"\npath_prefix = "/team"\nmodules = ["git.example.com/team/*", "a.example.com"]\nallow_http = true',
    );
    expect(load({ files: { 'stoa.toml': text } }).settings.credentials).toEqual([
      {
        host: 'git.example.com',
        prefix: '/team',
        modules: 'git.example.com/team/*,a.example.com',
        allowHttp: true,
        secret: { kind: 'bearer', token: 't' },
      },
    ]);
  });

  test.each<[string, Said]>([
    ['the file', { files: { 'stoa.toml': table('token = "t"') } }],
    ['a variable', { env: { STOA_CREDENTIALS: table('token = "t"') } }],
    [
      'a file that a variable names',
      { env: { STOA_CREDENTIALS_FILE: '/s' }, files: { '/s': table('token = "t"\n') } },
    ],
    [
      'a file that the file names',
      { files: { 'stoa.toml': 'credentials_file = "/s"', '/s': table('token = "t"') } },
    ],
    [
      'a file that a flag names',
      { args: ['--credentials-file', '/s'], files: { '/s': table('token = "t"') } },
    ],
  ])('may come from %s', (_, said) => {
    expect(load(said).settings.credentials).toHaveLength(1);
  });

  test.each([
    ['', oneOf],
    ['token = "t"\npassword = "p"', oneOf],
    ['header = "X-Key"', oneOf],
    ['ssh_key_file = "/p"\nssh_agent = "/run/agent"', oneOf],
    ['ssh_key_file = "/gone"', 'it does not exist'],
    ['token = "t"\nknown_hosts_file = "/p"', 'known_hosts_file is for ssh_key_file or ssh_agent'],
    ['username = "u"\nkind = "github"', 'kind is for token'],
    ['token = "t"\nhelper = "store"', oneOf],
    ['token = "t"\nuse_http_path = true', 'use_http_path is for helper'],
    ['token = "t"\nprivate_key_file = "/p"', 'private_key_file is for github_app'],
    ['helper = []', 'helper is missing or not what it should be'],
    ['helper = "a\\nb"', 'helper is missing or not what it should be'],
    ['github_app = 1', 'github_app needs private_key_file'],
    ['github_app = 1\nprivate_key_file = "/p"', 'the private key of the App is no RSA key in PEM'],
    ['github_app = 1\nprivate_key_file = "/gone"', "/gone can't be read: it does not exist"],
    ['token = "t"\nkind = "git"', 'kind is missing or not what it should be'],
    ['token = "t"\ntoken_file = "/p"', 'both token and token_file are given'],
    ['token_file = "/gone"', "/gone can't be read: it does not exist"],
    ['tokne = "t"', 'unknown key tokne; did you mean token?'],
    ['token = 5', 'token is missing or not what it should be'],
    ['token = "t"\nmodules = "https://git.example.com"', 'begins with a scheme'],
  ])('%j is refused', (line, expected) => {
    const problems = problemsOf({ files: { 'stoa.toml': table(line), '/p': '' } });
    expect(problems).toEqual([expect.stringContaining(expected)]);
    expect(problems[0]).toMatch(
      /^credentials: the value from stoa\.toml is not a list of \[\[credentials\]\] tables: entry 1: /,
    );
  });
});

test('only one line break at the end of a secret file is not part of it', () => {
  const secretOf = (text: string) => {
    const files = { 'stoa.toml': table('token_file = "/s"'), '/s': text };
    return load({ files }).settings.credentials[0]?.secret;
  };
  expect([' t ', 't\n', 't\r\n', 't\n\n'].map(secretOf)).toEqual(
    [' t ', 't', 't', 't\n'].map((token) => ({ kind: 'bearer', token })),
  );
});

describe('no secret is ever printed', () => {
  /** Long enough that it can't be in a message by chance. */
  const secret = fc.stringMatching(/^[a-zA-Z0-9!$()*+.=_~-]{12,24}$/);

  /** All that the commands print, and all that a start would log. */
  function printed(said: Said): string {
    const lines: string[] = [];
    const write = (line: string) => void lines.push(line);
    const machine = machineOf(said);
    for (const args of [[], ['--json']]) {
      showConfig({ args: [...args, ...(said.args ?? [])], out: write, err: write }, machine);
    }
    checkConfig({ args: said.args ?? [], out: write, err: write }, machine);
    return lines.join('\n');
  }

  const quoted = (text: string) => JSON.stringify(text);

  const places: readonly [string, (secret: string) => Said][] = [
    ['in a token', (s) => ({ files: { 'stoa.toml': table(`token = ${quoted(s)}`) } })],
    [
      'in a password',
      (s) => ({ env: { STOA_CREDENTIALS: table(`username = "u"\npassword = ${quoted(s)}`) } }),
    ],
    ['in a header', (s) => ({ env: { STOA_CREDENTIALS: table(`header = "X-Key"\nvalue = ${quoted(s)}`) } })],
    [
      'in a file',
      (s) => ({ env: { STOA_CREDENTIALS_FILE: '/s' }, files: { '/s': table(`token = ${quoted(s)}`) } }),
    ],
    [
      'in a table with a mistake',
      (s) => ({ files: { 'stoa.toml': table(`token = ${quoted(s)}\nhots = 1`) } }),
    ],
    [
      'in a text that is not TOML',
      (s) => ({ env: { STOA_CREDENTIALS: `[[credentials]]\ntoken = "${s}" "` } }),
    ],
    ['in place of the tables', (s) => ({ env: { STOA_CREDENTIALS: s } })],
    ['in a settings file that is not TOML', (s) => ({ files: { 'stoa.toml': `token = ${s} x` } })],
    ['in an upstream', (s) => ({ env: { STOA_UPSTREAM: `https://u:${s}@a.example.com,direct` } })],
    ['in an upstream that is refused', (s) => ({ env: { STOA_UPSTREAM: `http://u:${s}@a.example.com` } })],
    ['in an upstream without a scheme', (s) => ({ env: { STOA_UPSTREAM: `ftp://u:${s}@a,x` } })],
    ['in an upstream, with a comma', (s) => ({ env: { STOA_UPSTREAM: `https://u:${s},x@a.example.com` } })],
    [
      'in an inherited GOPROXY, with a comma',
      (s) => ({ env: { GOPROXY: `https://u:${s},x@a.example.com` } }),
    ],
    ['in a route', (s) => ({ env: { STOA_ROUTES: `a.example.com=https://u:${s}@a.example.com` } })],
    [
      'in a route that is refused',
      (s) => ({ env: { STOA_ROUTES: `a.example.com=ftp://u:${s}@a.example.com` } }),
    ],
    ['in an egress proxy', (s) => ({ env: { HTTPS_PROXY: `http://u:${s}@proxy.example.com:1` } })],
    [
      'in an egress proxy that is refused',
      (s) => ({ env: { HTTPS_PROXY: `socks5://u:${s}@proxy.example.com:1` } }),
    ],
    [
      'in an inherited GOPROXY',
      (s) => ({ env: { GOPROXY: `https://u:${s}@localhost:3000|https://u:${s}@a.example.com` } }),
    ],
    ['in an inherited GOPROXY that is refused', (s) => ({ env: { GOPROXY: `ftp://u:${s}@a.example.com` } })],
    ['in the password of Athens', (s) => ({ env: { BASIC_AUTH_PASS: s } })],
    ['in the GitHub token of Athens', (s) => ({ env: { ATHENS_GITHUB_TOKEN: s } })],
    [
      'in the secrets of a store',
      (s) => ({
        env: {
          STOA_STORAGE_TYPE: 's3',
          STOA_S3_BUCKET: 'b',
          STOA_S3_ACCESS_KEY_ID: 'k',
          STOA_S3_SECRET_ACCESS_KEY: s,
          STOA_S3_SESSION_TOKEN: s,
        },
      }),
    ],
    [
      'in a storage secret of Athens',
      (s) => ({ env: { ATHENS_MINIO_SECRET_ACCESS_KEY: s, ATHENS_STORAGE_TYPE: 'minio' } }),
    ],
    [
      'in the go variables of Athens',
      (s) => ({
        env: { ATHENS_GO_BINARY_ENV_VARS: `GOPROXY=https://u:${s}@a.example.com;GOAUTH=${s};${s}` },
      }),
    ],
    [
      'in an Athens file',
      (s) => ({ files: { 'athens.toml': `BasicAuthPass = ${quoted(s)}\nUnheardOf = ${quoted(s)}` } }),
    ],
  ];

  test.each(places)('%s', (_, place) => {
    fc.assert(
      fc.property(secret, (text) => {
        const output = printed(place(text));
        expect(output).not.toBe('');
        expect(output).not.toContain(text);
      }),
      { numRuns: 25 },
    );
  });
});
