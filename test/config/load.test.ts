import { describe, expect, test } from 'vitest';
import { makeLedgerKey } from '../../src/sumdb/ledger-signer.ts';
import { load, problemsOf, type Said } from './machine.ts';

const files = { '/file': 'text' };

describe('of several sources the strongest wins', () => {
  const sources = [
    ['the file', { files: { 'stoa.toml': 'port = 1' } }, 'stoa.toml'],
    ['SERVER_PORT', { env: { SERVER_PORT: '2' } }, 'SERVER_PORT'],
    ['PORT', { env: { PORT: '3' } }, 'PORT'],
    ['ATHENS_PORT', { env: { ATHENS_PORT: ':4' } }, 'ATHENS_PORT'],
    ['STOA_PORT', { env: { STOA_PORT: '5' } }, 'STOA_PORT'],
    ['the flag', { args: ['--port', '6'] }, '--port'],
  ] as const satisfies readonly (readonly [string, Said, string])[];

  test('nobody said anything: the default', () => {
    expect(load().settings.port).toBe(3000);
    expect(load().sources.get('port')).toBe('default');
  });

  test.each(sources.map(([name, , source], index) => [name, index, source] as const))(
    '%s beats all weaker ones',
    (_, index, source) => {
      const all: readonly Said[] = sources.slice(0, index + 1).map(([, said]) => said);
      const { settings, sources: from } = load({
        env: Object.assign({}, ...all.map(({ env }) => env)),
        args: all.flatMap(({ args = [] }) => args),
        files: Object.assign({}, ...all.map(({ files }) => files)),
      });
      expect(settings.port).toBe(index + 1);
      expect(from.get('port')).toBe(source);
    },
  );

  test('a variable for other programs is weaker than the file', () => {
    const env = {
      GOPRIVATE: 'a.example.com',
      OTEL_SERVICE_NAME: 'from-otel',
      HTTP_PROXY: 'proxy.example.com:1',
    };
    expect(load({ env }).settings.private).toEqual(['a.example.com']);
    expect(load({ env }).sources.get('log.service')).toBe('OTEL_SERVICE_NAME');
    expect(load({ env }).settings.net.httpProxy).toBe('proxy.example.com:1');
    const { settings } = load({ env, files: { 'stoa.toml': 'private = ["b.example.com"]' } });
    expect(settings.private).toEqual(['b.example.com']);
  });

  test('of the two spellings of a proxy variable the upper-case one counts, unless it is empty', () => {
    const lower = { no_proxy: 'a.example.com' };
    expect(load({ env: { ...lower, NO_PROXY: 'b.example.com' } }).settings.net.noProxy).toEqual([
      'b.example.com',
    ]);
    expect(load({ env: { ...lower, NO_PROXY: '' } }).settings.net.noProxy).toEqual(['a.example.com']);
  });
});

describe('the settings file', () => {
  const files = { 'stoa.toml': 'port = 1', 'other.toml': 'port = 2', 'third.toml': 'port = 3' };

  test.each([
    ['stoa.toml in the working directory', {}, 1],
    ['the one STOA_CONFIG names', { env: { STOA_CONFIG: 'other.toml' } }, 2],
    ['the one --config names', { env: { STOA_CONFIG: 'other.toml' }, args: ['--config', 'third.toml'] }, 3],
    ['stoa.toml where STOA_CONFIG is empty', { env: { STOA_CONFIG: '' } }, 1],
  ])('is %s', (_, said: Said, port) => {
    expect(load({ files, ...said }).settings.port).toBe(port);
  });

  test('must be there when it was named', () => {
    expect(problemsOf({ args: ['--config=gone.toml'] })).toEqual([
      "--config: gone.toml can't be read: it does not exist",
    ]);
    expect(problemsOf({ env: { STOA_CONFIG: 'gone.toml' } })).toEqual([
      "STOA_CONFIG: gone.toml can't be read: it does not exist",
    ]);
  });

  test('that is not TOML is refused by line and column, without showing the line', () => {
    const text = 'port = 1\ntoken = "s3cret" "\n';
    expect(problemsOf({ files: { 'stoa.toml': text } })).toEqual([
      expect.stringMatching(/^stoa\.toml is not TOML: line 2, column \d+$/),
    ]);
  });

  test('takes numbers, booleans and arrays as TOML has them', () => {
    const text =
      'port = 1\nprivate = ["a.example.com", " b.example.com "]\n[metrics]\nenabled = false\n[cache]\nmemory = 1024\nmemory_file = "1KiB"';
    const { settings } = load({ files: { 'stoa.toml': text } });
    expect(settings.private).toEqual(['a.example.com', 'b.example.com']);
    expect(settings.metrics.enabled).toBe(false);
    expect(settings.cache).toEqual({ memoryBytes: 1024, memoryFileBytes: 1024 });
  });
});

describe('an unknown name is refused with the nearest known one', () => {
  test.each<[Said, string]>([
    [{ files: { 'stoa.toml': 'prot = 1' } }, 'stoa.toml: unknown setting prot; did you mean port?'],
    [
      { files: { 'stoa.toml': '[log]\nlevle = "debug"' } },
      'stoa.toml: unknown setting log.levle; did you mean log.level?',
    ],
    // Not near by its letters, but there is only one such setting.
    [
      { files: { 'stoa.toml': 'header_timeout = "1s"' } },
      'stoa.toml: unknown setting header_timeout; did you mean http.header_timeout?',
    ],
    [{ files: { 'stoa.toml': '[elsewhere]\nx = 1' } }, 'stoa.toml: unknown setting elsewhere'],
    [{ files: { 'stoa.toml': 'log = "debug"' } }, 'stoa.toml: log is a table, written as [log]'],
    [{ env: { STOA_PROT: '1' } }, 'STOA_PROT: unknown variable; did you mean STOA_PORT?'],
    [{ env: { STOA_PORT_FILE: '1' } }, 'STOA_PORT_FILE: unknown variable'], // a port is no secret
    [
      { env: { ATHENS_STORAGE_TIPE: 'disk' } },
      'ATHENS_STORAGE_TIPE: Athens has no such variable; did you mean ATHENS_STORAGE_TYPE?',
    ],
    [{ args: ['--prot', '1'] }, '--prot: unknown flag; did you mean --port?'],
    // A secret on the command line is seen by every user of the machine.
    [{ args: ['--credentials', 'x'] }, '--credentials: unknown flag'],
  ])('%j', (said, expected) => {
    expect(problemsOf(said)).toEqual([expect.stringContaining(expected)]);
  });

  test('except where Kubernetes set the variable for a service of our name', () => {
    const env = {
      STOA_PORT: 'tcp://10.0.0.1:3000',
      STOA_SERVICE_HOST: '10.0.0.1',
      STOA_SERVICE_PORT: '3000',
      STOA_SERVICE_PORT_HTTP: '3000',
      STOA_PORT_3000_TCP: 'tcp://10.0.0.1:3000',
      STOA_PORT_3000_TCP_PROTO: 'tcp',
      STOA_PORT_3000_TCP_PORT: '3000',
      STOA_PORT_3000_TCP_ADDR: '10.0.0.1',
      ATHENS_PORT: 'tcp://10.0.0.2:80',
      ATHENS_SERVICE_HOST: '10.0.0.2',
      ATHENS_PORT_80_TCP_ADDR: '10.0.0.2',
    };
    expect(load({ env }).settings.port).toBe(3000);
  });

  test('and never for the variables of this test suite', () => {
    expect(problemsOf({ env: { STOA_TEST_POSTGRES: 'postgres://x' } })).toEqual([]);
  });
});

describe('a flag', () => {
  test.each<[string[], string]>([
    [['--port'], '--port: the value is missing'],
    [['--port', '1', '--port', '2'], '--port is given twice'],
    [['--config', 'a', '-config_file', 'b'], '--config is given twice'],
    [['start'], 'unexpected argument "start"; settings are given as --name value'],
  ])('%j is refused', (args, expected) => {
    expect(problemsOf({ args })).toContain(expected);
  });

  test('may have its value beside it or behind an equals sign, which the value may hold too', () => {
    expect(load({ args: ['--port', '1', '--log-service=a=b'] }).settings).toMatchObject({
      port: 1,
      log: { service: 'a=b' },
    });
  });
});

describe('a wrong value is refused with the setting, the source, the value and what is accepted', () => {
  test.each<[string, string, string]>([
    ['STOA_PORT', 'http', 'port: "http" from STOA_PORT is not a whole number from 0 to 65535'],
    ['STOA_PORT', '65536', 'port: "65536" from STOA_PORT is not a whole number from 0 to 65535'],
    ['STOA_PORT', '', 'port: "" from STOA_PORT is not a whole number from 0 to 65535'],
    ['PORT', 'http', 'port: "http" from PORT is not a whole number from 0 to 65535'],
    ['STOA_MODE', 'cluster', 'mode: cluster is not available in this version of Stoa (STOA_MODE)'],
    ['MODE', 'cluster', 'mode: cluster is not available in this version of Stoa (MODE)'],
    [
      'STOA_STORAGE_TYPE',
      'gcs',
      'storage.type: gcs is not available in this version of Stoa (STOA_STORAGE_TYPE)',
    ],
    [
      'STOA_STORAGE_TYPE',
      'tape',
      'storage.type: "tape" from STOA_STORAGE_TYPE is not one of disk, memory, s3',
    ],
    ['STOA_DATA', '', 'data: "" from STOA_DATA is not the name of a file or folder'],
    [
      'STOA_CATALOG',
      'postgres://stoa:s3cret@db.example.com/stoa',
      'catalog: postgres: is not available in this version of Stoa, whose catalog is a file of SQLite; PostgreSQL and MySQL come in a later one (STOA_CATALOG)',
    ],
    [
      'STOA_CATALOG',
      'sqlite://host/catalog.db',
      'catalog: after sqlite: there is only the name of a file (STOA_CATALOG)',
    ],
    [
      'STOA_DRAIN_TIMEOUT',
      '60',
      'drain_timeout: "60" from STOA_DRAIN_TIMEOUT is not a duration such as 250ms, 30s or 1h30m, from 0s to 24d',
    ],
    // A longer timer of Node would fire at once.
    [
      'STOA_FETCH_TIMEOUT',
      '25d',
      'fetch.timeout: "25d" from STOA_FETCH_TIMEOUT is not a duration such as 250ms, 30s or 1h30m, from 1s to 24d',
    ],
    [
      'STOA_FETCH_MAX_ZIP',
      '1GiB',
      'fetch.max_zip: "1GiB" from STOA_FETCH_MAX_ZIP is not a size such as 256MiB, 10MB or a number of bytes, from 1KiB to 500MiB',
    ],
    [
      'STOA_SUMDB',
      'sum.example.com',
      'sumdb: "sum.example.com" from STOA_SUMDB is not what GOSUMDB takes: sum.golang.org, a key, either with a URL behind it, or off; of several, all but one as patterns=database, with semicolons between them: checksum database: "sum.example.com" is neither a key nor a name that is known',
    ],
    // It would match nothing, and what it is meant for would be looked up in the other one.
    [
      'STOA_SUMDB',
      'git.example.com/[=sum.golang.org;off',
      'sumdb: "git.example.com/[=sum.golang.org;off" from STOA_SUMDB is not what GOSUMDB takes: sum.golang.org, a key, either with a URL behind it, or off; of several, all but one as patterns=database, with semicolons between them: the pattern git.example.com/[ is malformed',
    ],
    [
      'STOA_METRICS_ENABLED',
      'maybe',
      'metrics.enabled: "maybe" from STOA_METRICS_ENABLED is not true or false',
    ],
    [
      'STOA_HTTP_PATH_PREFIX',
      'go',
      'http.path_prefix: "go" from STOA_HTTP_PATH_PREFIX is not a path that begins with / and consists of letters, digits and - . _ ~',
    ],
    [
      'STOA_TLS_CERT_FILE',
      '/gone',
      'tls.cert_file: "/gone" from STOA_TLS_CERT_FILE is not the name of a file that can be read, or empty for none: it does not exist',
    ],
    // A pattern that never matches would let private paths out.
    [
      'STOA_PRIVATE',
      'https://git.example.com/*',
      'private: "https://git.example.com/*" from STOA_PRIVATE is not a list of module path patterns such as git.example.com/*: the pattern https://git.example.com/* begins with a scheme; module paths have none',
    ],
    [
      'GOPRIVATE',
      'git.example.com/[',
      'private: "git.example.com/[" from GOPRIVATE is not a list of module path patterns such as git.example.com/*: the pattern git.example.com/[ is malformed',
    ],
    [
      'STOA_HTTP_TRUSTED_PROXIES',
      '10.0.0.0/33',
      'http.trusted_proxies: "10.0.0.0/33" from STOA_HTTP_TRUSTED_PROXIES is not a list of addresses, networks such as 10.0.0.0/8, and unix: 10.0.0.0/33 is none of these',
    ],
    [
      'STOA_NET_PRIVATE_HOSTS',
      'https://git.example.com',
      'net.private_hosts: "https://git.example.com" from STOA_NET_PRIVATE_HOSTS is not a list of hosts, each as host or host:port: https://git.example.com is not a host',
    ],
    [
      'HTTPS_PROXY',
      'socks5://proxy.example.com',
      'net.https_proxy: "socks5://proxy.example.com" from HTTPS_PROXY is not a proxy: host:port, or an http or https URL, or empty for none',
    ],
    [
      'STOA_UPSTREAM',
      ',',
      'upstream: "," from STOA_UPSTREAM is not a GOPROXY list of http(s) URLs, direct and off, separated by , or |: the list of upstreams is empty',
    ],
  ])('%s=%s', (variable, value, expected) => {
    expect(problemsOf({ env: { [variable]: value } })).toEqual([expected]);
  });

  test('also where a stronger source says something else', () => {
    expect(problemsOf({ env: { STOA_PORT: '1' }, files: { 'stoa.toml': 'port = "x"' } })).toEqual([
      'port: "x" from stoa.toml is not a whole number from 0 to 65535',
    ]);
  });

  test('and all wrong values are told at once', () => {
    const problems = problemsOf({
      env: { STOA_PORT: 'x', STOA_WORKERS: '0', STOA_NOTHING: '1' },
      args: ['--bad', '1'],
      files: { 'stoa.toml': 'unheard = 1\n[log]\nlevel = "loud"' },
    });
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(
      expect.arrayContaining(['port', 'workers', 'STOA_NOTHING', '--bad', 'stoa.toml', 'log.level']),
    );
    expect(problems).toHaveLength(6);
  });
});

describe('settings that contradict each other are refused with both names and sources', () => {
  test.each<[Said, string]>([
    [
      { env: { STOA_TLS_CERT_FILE: '/file' } },
      'tls.cert_file (from STOA_TLS_CERT_FILE) needs tls.key_file, which is not set (the default)',
    ],
    [
      { args: ['--tls-key-file', '/file'] },
      'tls.key_file (from --tls-key-file) needs tls.cert_file, which is not set (the default)',
    ],
    [
      { env: { STOA_STORAGE_MAX_MEMORY: '1GiB' } },
      'storage.max_memory (from STOA_STORAGE_MAX_MEMORY) has no effect with storage.type disk (the default)',
    ],
    [
      { env: { STOA_CACHE_MEMORY: '1MiB', STOA_CACHE_MEMORY_FILE: '2MiB' } },
      'cache.memory_file 2MiB (from STOA_CACHE_MEMORY_FILE) is larger than cache.memory 1MiB (from STOA_CACHE_MEMORY)',
    ],
    [
      { env: { STOA_NET_CONNECT_TIMEOUT: '1m' }, files: { 'stoa.toml': '[net]\ntotal_timeout = "30s"' } },
      'net.connect_timeout 1m (from STOA_NET_CONNECT_TIMEOUT) is longer than net.total_timeout 30s (from stoa.toml)',
    ],
    [
      { env: { STOA_CREDENTIALS: '', STOA_CREDENTIALS_FILE: '/file' }, files: { '/file': '' } },
      'credentials: both the value (STOA_CREDENTIALS) and its file (STOA_CREDENTIALS_FILE) are given',
    ],
  ])('%j', (said, expected) => {
    expect(problemsOf({ ...said, files: { ...files, ...said.files } })).toEqual([expected]);
  });

  test('while a value that only makes a default moot is fine', () => {
    expect(problemsOf({ env: { STOA_NET_TOTAL_TIMEOUT: '5s', STOA_CACHE_MEMORY: '0' } })).toEqual([]);
  });

  test('a socket takes the place of a port, with a warning, since a platform may set PORT for everyone', () => {
    const { settings, warnings } = load({ env: { STOA_SOCKET: '/run/stoa.sock', PORT: '8080' } });
    expect(settings.socket).toBe('/run/stoa.sock');
    expect(warnings).toEqual(['port (from PORT) is not used: socket (from STOA_SOCKET) takes its place']);
  });

  test('is told of a credential that serves no module', () => {
    const table = '[[credentials]]\nhost = "git.example.com"\ntoken = "t"\n';
    const told = (env: Record<string, string>) => load({ env: { STOA_CREDENTIALS: table, ...env } }).warnings;
    expect(told({})).toEqual([
      'credentials (from STOA_CREDENTIALS): that for git.example.com is not used: it names no modules, no module is private, and no upstream is there',
    ]);
    expect(told({ STOA_PRIVATE: 'git.example.com' })).toEqual([]);
    expect(told({ STOA_UPSTREAM: 'https://git.example.com/go' })).toEqual([]);
    expect(told({ STOA_CREDENTIALS: `${table}modules = "a.example.com"` })).toEqual([]);
  });
});

describe('a database of checksums that is turned off', () => {
  test('by a variable for go commands is obeyed, with a warning', () => {
    const { settings, warnings } = load({ env: { GOSUMDB: 'off' } });
    expect(settings.sumdb).toEqual({ rules: [] });
    expect(warnings).toEqual([
      'GOSUMDB=off: public modules are not verified against a checksum database; unset it, or say STOA_SUMDB=off if that is meant',
    ]);
  });

  test('on purpose is no reason for a warning', () => {
    for (const said of [
      { env: { GOSUMDB: 'off', STOA_SUMDB: 'off' } },
      { files: { 'stoa.toml': 'sumdb = "off"' }, env: { GOSUMDB: 'off' } },
    ]) {
      const { settings, warnings } = load(said);
      expect([settings.sumdb, warnings]).toEqual([{ rules: [] }, []]);
    }
  });

  test('is back on where Stoa itself is told which to use', () => {
    const { settings, warnings } = load({ env: { GOSUMDB: 'off', STOA_SUMDB: 'sum.golang.org' } });
    expect([settings.sumdb.fallback?.name, warnings]).toEqual(['sum.golang.org', []]);
  });

  test('may be several, one for each pattern', () => {
    const key = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8';
    const files = { 'stoa.toml': `sumdb = ["git.example.com/*=${key}", "off"]` };
    expect(load({ files }).settings.sumdb).toMatchObject({ rules: [{ patterns: 'git.example.com/*' }] });
  });
});

describe('container variables', () => {
  test.each([
    ['3001', { port: 3001, host: '' }],
    [':3001', { port: 3001, host: '' }],
    ['127.0.0.1:3001', { port: 3001, host: '127.0.0.1' }],
    ['[::1]:3001', { port: 3001, host: '::1' }],
    ['proxy.example.com:3001', { port: 3001, host: 'proxy.example.com' }],
  ])('PORT takes %s', (text, expected) => {
    for (const variable of ['PORT', 'SERVER_PORT', 'ATHENS_PORT']) {
      expect(load({ env: { [variable]: text } }).settings).toMatchObject(expected);
    }
  });

  test.each(['DEBUG', 'debug', 'Warning', 'WARN', 'trace', 'FATAL', 'panic', 'Error', 'info'])(
    'LOG_LEVEL takes %s',
    (level) => {
      const expected = { warning: 'warn', trace: 'debug', fatal: 'error', panic: 'error' }[
        level.toLowerCase()
      ];
      expect(load({ env: { LOG_LEVEL: level } }).settings.log.level).toBe(expected ?? level.toLowerCase());
    },
  );

  test('a MODE that is meant for another program is ignored with a warning', () => {
    expect(load({ env: { MODE: 'production' } }).warnings).toEqual([
      'MODE=production means nothing to Stoa and is ignored; its modes are standalone and cluster',
    ]);
    expect(load({ env: { MODE: 'Standalone' } }).warnings).toEqual([]);
  });

  test('that are empty say nothing', () => {
    const { sources } = load({ env: { PORT: '', SERVER_PORT: '4000', LOG_LEVEL: '', MODE: '' } });
    expect([sources.get('port'), sources.get('log.level')]).toEqual(['SERVER_PORT', 'default']);
  });
});

describe('the data folder is by default', () => {
  test.each([
    ['/var/lib/stoa for root on Linux', { uid: 0, home: '/root' }, '/var/lib/stoa'],
    ['below the home folder', {}, '/home/gopher/.local/share/stoa'],
    ['in XDG_DATA_HOME', { env: { XDG_DATA_HOME: '/xdg' } }, '/xdg/stoa'],
    [
      'not in a relative XDG_DATA_HOME, which the specification forbids',
      { env: { XDG_DATA_HOME: 'xdg' } },
      '/home/gopher/.local/share/stoa',
    ],
    [
      'where macOS has it',
      { platform: 'darwin', home: '/Users/g' } as const,
      '/Users/g/Library/Application Support/stoa',
    ],
  ])('%s', (_, said, expected) => {
    expect(load(said).settings.data).toBe(expected);
  });

  test('nowhere for a user without a home folder, who must name one', () => {
    expect(() => load({ home: '' })).toThrow('data: the user has no home folder; set STOA_DATA');
    expect(load({ home: '', env: { STOA_DATA: '/srv' } }).settings.data).toBe('/srv');
  });
});

test('the workers leave a processor to the event loop', () => {
  expect([1, 2, 4, 64].map((processors) => load({ processors }).settings.workers)).toEqual([1, 1, 3, 4]);
});

describe('the key of a private log', () => {
  const { signerKey, verifierKey } = makeLedgerKey('sum.corp.example', Buffer.alloc(32, 1));
  const env = { STOA_LEDGER_KEY: signerKey };

  test('is shown by what others check it with', () => {
    expect(load({ env }).settings.ledger.key?.verifierKey).toBe(verifierKey);
    expect(load({ env: {} }).settings.ledger.key).toBeUndefined();
  });

  test('goes with no store that ends with the server', () => {
    expect(problemsOf({ env: { ...env, STOA_STORAGE_TYPE: 'memory' } })).toEqual([
      'ledger.key (from STOA_LEDGER_KEY) needs a store that outlives the server, which storage.type memory (from STOA_STORAGE_TYPE) does not',
    ]);
  });

  test.each([verifierKey, `${verifierKey} https://stoa.corp.example`])(
    'keeps the server from asking itself, as GOSUMDB=%s would have it',
    (database) => {
      expect(problemsOf({ env: { ...env, GOSUMDB: database } })).toEqual([
        'sumdb (from GOSUMDB) names sum.corp.example, the private log of this server itself (ledger.key, from STOA_LEDGER_KEY); set STOA_SUMDB to the public database',
      ]);
      expect(problemsOf({ env: { ...env, GOSUMDB: database, STOA_SUMDB: 'sum.golang.org' } })).toEqual([]);
    },
  );
});
