import { posix } from 'node:path';
import type { Credential } from '../net/credentials.ts';
import { parseDatabaseList } from '../sumdb/database-list.ts';
import type { Machine } from './machine.ts';
import { type NamedSetting, nameSettings } from './named-setting.ts';
import { type Setting, setting } from './setting.ts';
import { credentials, routes } from './tables.ts';
import {
  boolean,
  bytes,
  choice,
  database,
  databases,
  duration,
  file,
  govcs,
  hosts,
  integer,
  keyPrefix,
  ledgerKey,
  list,
  optional,
  path,
  pathPrefix,
  patterns,
  proxies,
  proxyUrl,
  rewrites,
  secretText,
  serverUrl,
  text,
  upstreams,
} from './types.ts';
import { parseUpstreams } from './upstream.ts';

/** Used when neither settings nor the environment nor the go command name an upstream. */
const fallbackUpstream = 'https://goproxy.io,direct';

/** The longest a timer of Node can run is 2^31 ms, a little less than 25 days. */
const longest = '24d';

/**
 * Every setting of Stoa. `http.headerTimeoutMs` here is `http.header_timeout` in a TOML file, `STOA_HTTP_HEADER_TIMEOUT` in
 * the environment and `--http-header-timeout` as a flag: `Ms` and `Bytes` name the unit of the value, not the setting.
 */
const schema = {
  port: setting(integer(0, 65_535), 3000, 'TCP port to listen on; 0 lets the system choose a free one.', {
    containers: ['PORT', 'SERVER_PORT'],
  }),
  host: setting(text, '', 'Address or host name to listen on; empty: all addresses of the machine.'),
  socket: setting(optional(path), undefined, 'Unix socket to listen on, in place of `host` and `port`.'),
  mode: setting(
    choice(['standalone'], { later: ['cluster'] }),
    'standalone',
    '`standalone`: one server with its own data.',
    { containers: ['MODE'] },
  ),
  data: setting(
    path,
    {
      text: '`/var/lib/stoa` for root on Linux, else `stoa` in the data folder of the user (`$XDG_DATA_HOME`, `~/.local/share`; macOS: `~/Library/Application Support`)',
      from: dataFolder,
    },
    'Folder for the stored modules and for downloads under way.',
  ),
  catalog: setting(
    database,
    undefined,
    'Database of versions, events and jobs: a file of SQLite on a local disk, by default `catalog.db` in `data`, and a temporary one where storage is `memory`.',
  ),
  upstream: setting(
    upstreams,
    {
      text: '`GOMODULES_PROXYURL` or `GOPROXY` of the environment, else what an installed `go env GOPROXY` says, else `https://goproxy.io,direct`',
      from: () => parseUpstreams(fallbackUpstream),
    },
    'Where modules come from: a list in the syntax of GOPROXY.',
  ),
  routes: setting(
    routes,
    [],
    '`[[routes]]` with `pattern` and `upstream`: other sources for the paths that match, the first match wins. As a variable: `pattern=list;pattern=list`.',
  ),
  private: setting(
    patterns,
    [],
    'Patterns of private module paths, as in GOPRIVATE: read from their repositories, or from where `routes` says, never sent to a public upstream or checksum database.',
    { inherits: ['GOPRIVATE'] },
  ),
  sumdb: setting(
    databases,
    parseDatabaseList('sum.golang.org'),
    'Checksum databases that say what the content of a version is, as in GOSUMDB: private modules are looked up only where a pattern here names them, `golang.org/toolchain` always. `off`: nothing is verified.',
    { inherits: ['GOSUMDB'] },
  ),
  sumdbUnreachable: setting(
    choice(['refuse', 'verify-later']),
    'refuse',
    'What happens to a version that nobody asked for before while its checksum database cannot be reached: `refuse` answers 502; `verify-later` serves it, asks again until there is an answer, and takes the version away where that contradicts it.',
  ),
  noSumdb: setting(
    patterns,
    [],
    'Patterns of module paths, beside the private ones, that are looked up in no checksum database: not here and, as the home page tells, not by clients.',
    { inherits: ['GONOSUMDB'] },
  ),
  credentials: setting<readonly Credential[]>(
    credentials,
    [],
    '`[[credentials]]` with `host`, optional `path_prefix`, `modules` (patterns of the modules it serves; default: the private ones) and `allow_http`, and one of `username` with `password`, `token` with an optional `kind`, `header` with `value`, `ssh_key_file` or `ssh_agent`, these two with an optional `known_hosts_file`, `helper` with an optional `use_http_path`, or `github_app` with `private_key_file` and optional `installation_id` and `api_url`; `password_file`, `token_file` and `value_file` name files. As a variable: the TOML text of such tables. See [private modules](private-modules.md).',
    { secret: true },
  ),
  workers: setting(
    integer(1, 64),
    {
      text: 'one less than the processors, from 1 to 4',
      from: ({ processors }) => Math.min(4, Math.max(1, processors - 1)),
    },
    'Worker threads that verify zips.',
  ),
  drainTimeoutMs: setting(
    duration('0', longest),
    60_000,
    'How long running downloads may take to finish after SIGTERM or SIGINT.',
  ),
  drainDelayMs: setting(
    duration('0', longest),
    1_000,
    'How long, before that, `/readyz` fails while connections are still taken, so that a load balancer notices.',
  ),

  http: {
    pathPrefix: setting(pathPrefix, '', 'Path below which everything is served, such as `/goproxy`.'),
    homeTemplateFile: setting(
      optional(file),
      undefined,
      'HTML file for the home page; `{{ .Host }}` and `{{ .NoSumPatterns }}` in it are replaced.',
    ),
    robotsFile: setting(
      optional(file),
      undefined,
      'File for `/robots.txt`; without one, robots are sent away.',
    ),
    headerTimeoutMs: setting(
      duration('1ms', longest),
      10_000,
      'How long a client may take to send a request.',
    ),
    idleTimeoutMs: setting(
      duration('1ms', longest),
      75_000,
      'How long a connection is kept that is idle, or whose client takes nothing of what is sent to it.',
    ),
    trustedProxies: setting(
      proxies,
      [],
      'Addresses and networks of reverse proxies whose X-Forwarded-For is believed; `unix`: whoever connects through `socket`.',
    ),
    maxConnections: setting(integer(1, 1_000_000), 10_000, 'Open connections; more are refused.'),
    maxUrlBytes: setting(bytes('256', '16KiB'), 4_096, 'Longest URL that is read.'),
  },

  tls: {
    certFile: setting(
      optional(file),
      undefined,
      'Certificate chain (PEM). With `tls.key_file`, HTTPS and HTTP/2 are served; changed files are read again.',
    ),
    keyFile: setting(optional(file), undefined, 'Private key (PEM) of the certificate.'),
  },

  storage: {
    type: setting(
      choice(['disk', 'memory', 's3'], {
        aliases: { minio: 's3' },
        later: ['gcs', 'gcp', 'azure', 'azureblob', 'mongo', 'external'],
      }),
      'disk',
      'Where modules are kept: `disk` below `data`, `memory` until the server stops, or `s3`, an S3 bucket. See [where modules are kept](storage.md).',
    ),
    maxMemoryBytes: setting(
      bytes('1MiB', '1TiB'),
      2 ** 30,
      'Bytes a store of type `memory` may hold; past it, new modules are refused.',
    ),
    cacheBytes: setting(
      bytes('0', '1000TiB'),
      10 * 2 ** 30,
      'Bytes of modules from a store of type `s3` that are kept on the local disk too, below `data`, the least recently used go first; 0: none.',
    ),
  },

  s3: {
    bucket: setting(text, '', 'Bucket of a store of type `s3`.'),
    prefix: setting(
      keyPrefix,
      '',
      'What the names of all objects begin with, so that the bucket can be shared: `go/modules`.',
    ),
    endpoint: setting(
      optional(serverUrl),
      undefined,
      "URL of an S3 store that is not Amazon's, such as `https://minio.example.com:9000`.",
      { inherits: ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'] },
    ),
    region: setting(
      text,
      '',
      'Region of the bucket; empty: that of the shared AWS files, and `us-east-1` with `s3.endpoint`.',
      { inherits: ['AWS_REGION', 'AWS_DEFAULT_REGION'] },
    ),
    pathStyle: setting(
      optional(boolean),
      undefined,
      'Whether the bucket is in the path of URLs instead of their host name; empty: where `s3.endpoint` is set.',
    ),
    createBucket: setting(boolean, false, 'Make the bucket at the start where it is missing.'),
    accessKeyId: setting(
      text,
      '',
      'Access key; empty: the standard chain of AWS, which is environment, shared files, web identity (IRSA), container (ECS, EKS) and instance.',
    ),
    secretAccessKey: setting(secretText, '', 'The secret of `s3.access_key_id`.', { secret: true }),
    sessionToken: setting(secretText, '', 'The token of `s3.access_key_id`, where it is temporary.', {
      secret: true,
    }),
    connections: setting(
      integer(4, 10_000),
      128,
      'Connections to the store for reading; a quarter as many are for writing.',
    ),
    timeoutMs: setting(
      duration('1s', longest),
      30_000,
      'How long a request to the store may take until its answer begins, and how long the store may send nothing in the middle of one.',
    ),
  },

  ledger: {
    key: setting(
      optional(ledgerKey),
      undefined,
      'Private key of our own checksum database, as `stoa ledger init` makes it. See [one checksum setting for all modules](ledger.md).',
      { secret: true },
    ),
  },

  net: {
    netrcFile: setting(
      optional(file),
      undefined,
      'A netrc file with credentials for the hosts of upstreams and of private repositories.',
    ),
    netrcModules: setting(
      patterns,
      [],
      'Patterns of further modules, beside the private ones, that the credentials of `net.netrc_file` serve.',
    ),
    privateHosts: setting(
      hosts,
      [],
      'Hosts that may have a private or loopback address, beside those that `upstream`, `routes` and `credentials` name.',
    ),
    caFile: setting(
      optional(file),
      undefined,
      'Certificates (PEM) of authorities to trust beside those of the system.',
    ),
    httpProxy: setting(optional(proxyUrl), undefined, 'Egress proxy for http URLs.', {
      inherits: ['HTTP_PROXY', 'http_proxy'],
    }),
    httpsProxy: setting(optional(proxyUrl), undefined, 'Egress proxy for https URLs.', {
      inherits: ['HTTPS_PROXY', 'https_proxy'],
    }),
    noProxy: setting(
      list('a list of hosts, domains and networks'),
      [],
      'Hosts that are asked without a proxy, as in NO_PROXY.',
      {
        inherits: ['NO_PROXY', 'no_proxy'],
      },
    ),
    connectTimeoutMs: setting(
      duration('1ms', longest),
      10_000,
      'How long looking up, connecting and TLS may take.',
    ),
    firstByteTimeoutMs: setting(
      duration('1ms', longest),
      120_000,
      'How long a source may take to begin its answer; one that reads a repository for it needs a while.',
    ),
    stallTimeoutMs: setting(
      duration('1ms', longest),
      60_000,
      'How long a source may send nothing in the middle of an answer.',
    ),
    totalTimeoutMs: setting(
      duration('1ms', longest),
      900_000,
      'How long one request to a source may take, with redirects, retries and the body.',
    ),
    retries: setting(integer(0, 10), 2, 'Further tries after a broken connection or a 429, 502, 503 or 504.'),
    connectionsPerHost: setting(integer(1, 10_000), 80, 'Connections to one host of a source.'),
  },

  fetch: {
    zipsPerHost: setting(integer(1, 10_000), 16, 'Zips that are downloaded at once from one host.'),
    filesPerHost: setting(
      integer(1, 10_000),
      64,
      'Small files and lists that are asked for at once from one host.',
    ),
    queueLength: setting(
      integer(0, 1_000_000),
      2_000,
      'Downloads that may wait for their turn, for each host and kind; more get a 503.',
    ),
    queueWaitMs: setting(
      duration('0', longest),
      300_000,
      'How long a download may wait for its turn before it gets a 503.',
    ),
    timeoutMs: setting(
      duration('1s', longest),
      900_000,
      'How long one shared download of a zip may take until it is stored.',
    ),
    questionTimeoutMs: setting(
      duration('1s', longest),
      300_000,
      'How long one shared request for a list, a query or a small file may take.',
    ),
    maxZipBytes: setting(
      bytes('1KiB', '500MiB'),
      500 * 2 ** 20,
      "Largest zip; the upper bound is the go command's own.",
    ),
    maxModBytes: setting(
      bytes('1KiB', '16MiB'),
      16 * 2 ** 20,
      "Largest go.mod; the upper bound is the go command's own.",
    ),
  },

  vcs: {
    rewrite: setting(
      rewrites,
      [],
      'Mirrors that repositories are read from: `https://github.com/=>https://git.example.com/mirror/`, the longest left side wins. A right side may be `file:///…/`.',
    ),
    govcs: setting(
      govcs,
      '',
      'Which version control systems may be used for which modules, before the rules of Go: `private:all,public:git|hg`.',
      { inherits: ['GOVCS'] },
    ),
    insecure: setting(
      patterns,
      [],
      'Patterns of modules, as in GOINSECURE, whose page may come over plain http or with any certificate, and whose repository may be at an http URL. No credential goes there.',
      { inherits: ['GOINSECURE'] },
    ),
    cacheBytes: setting(
      bytes('1MiB', '1TiB'),
      10 * 2 ** 30,
      'Bytes of local copies of repositories; beyond it those go that were not used for longest.',
    ),
    maxFetchBytes: setting(
      bytes('1MiB', '1TiB'),
      4 * 2 ** 30,
      'Largest answer of a git server that is taken: at most the whole history of a repository.',
    ),
    processes: setting(
      integer(2, 1_000),
      64,
      'Processes of git and ssh at once; a third of them may be connections.',
    ),
    processMemoryBytes: setting(
      bytes('128MiB', '1TiB'),
      4 * 2 ** 30,
      'Address space of one such process, where the system has such a limit.',
    ),
    path: setting(
      text,
      '/usr/local/bin:/usr/bin:/bin',
      'Folders where git, ssh, hg, svn and fossil are looked for.',
      { inherits: ['PATH'] },
    ),
    go: setting(
      optional(path),
      undefined,
      'The go command that reads Mercurial, Subversion and Fossil repositories: its file, or a name that `vcs.path` leads to. Without one, modules from such repositories are 404. See [other systems](other-systems.md).',
    ),
    goCacheBytes: setting(
      bytes('1MiB', '1TiB'),
      2 * 2 ** 30,
      'Bytes of what `vcs.go` keeps of repositories; beyond it those go that were not used for longest.',
    ),
    goProcesses: setting(integer(1, 1_000), 4, 'Processes of `vcs.go` at once, one for a repository.'),
    hgrcFile: setting(
      optional(file),
      undefined,
      'A configuration file of Mercurial with credentials in `[auth]`; they serve the private modules.',
    ),
    hgrcModules: setting(
      patterns,
      [],
      'Patterns of further modules, beside the private ones, that `vcs.hgrc_file` is used for.',
    ),
  },

  cache: {
    memoryBytes: setting(
      bytes('0', '1TiB'),
      256 * 2 ** 20,
      'Bytes of files that are kept in memory, the least recently used go first.',
    ),
    memoryFileBytes: setting(bytes('0', '1GiB'), 4 * 2 ** 20, 'Largest file that is kept in memory.'),
  },

  fresh: {
    answerMs: setting(
      duration('0', '365d'),
      60_000,
      'How long a list, a latest version, and what a branch or commit resolves to are served without asking again.',
    ),
    absenceMs: setting(
      duration('0', '365d'),
      60_000,
      'How long the answer that something does not exist is served without asking again.',
    ),
    revalidateMs: setting(
      duration('0', '365d'),
      600_000,
      'How long after `fresh.answer` an old answer is served at once, while its source is asked again behind it.',
    ),
    patienceMs: setting(
      duration('0', longest),
      5_000,
      'How long a still older answer waits for its source; while that is down, it is served however old it is.',
    ),
  },

  log: {
    level: setting(
      choice(['debug', 'info', 'warn', 'error'], {
        aliases: { trace: 'debug', warning: 'warn', fatal: 'error', panic: 'error' },
      }),
      'info',
      'Least important lines that are written: `DEBUG`, `INFO`, `WARN` (or `WARNING`), `ERROR`, in any case.',
      { containers: ['LOG_LEVEL'] },
    ),
    format: setting(choice(['json', 'plain']), 'json', '`json` for machines, `plain` for people.'),
    service: setting(text, 'stoa', 'The name in every log line.', { inherits: ['OTEL_SERVICE_NAME'] }),
  },

  metrics: {
    enabled: setting(boolean, true, 'Serve Prometheus metrics on `/metrics`.'),
  },
} as const;

/** The settings in force: as `schema`, with values; durations in milliseconds (`…Ms`), sizes in bytes (`…Bytes`). */
export type Settings = ValuesOf<typeof schema>;

type ValuesOf<S> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : ValuesOf<S[K]> };

/** All settings, in the order of `schema`. */
export const named: readonly NamedSetting[] = nameSettings(schema, []);

/** An absent home folder is an empty name, which the type refuses. */
function dataFolder({ platform, uid, env, home }: Machine): string {
  if (env.XDG_DATA_HOME?.startsWith('/')) return posix.join(env.XDG_DATA_HOME, 'stoa');
  if (platform === 'linux' && uid === 0) return '/var/lib/stoa';
  if (home === '') return '';
  return posix.join(home, platform === 'darwin' ? 'Library/Application Support/stoa' : '.local/share/stoa');
}
