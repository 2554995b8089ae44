import { describe, expect, test } from 'vitest';
import { athensSettings } from '../../src/config/athens-table.ts';
import { named } from '../../src/config/schema.ts';
import { formatUpstreams } from '../../src/config/upstream.ts';
import { load, problemsOf, type Said } from './machine.ts';

/** Every key of config.toml of Athens v0.18 with its variable, from its documentation. */
const documented = `
GoBinary GO_BINARY_PATH
GoEnv GO_ENV
GoBinaryEnvVars ATHENS_GO_BINARY_ENV_VARS
GoGetWorkers ATHENS_GOGET_WORKERS
GoGetDir ATHENS_GOGET_DIR
ProtocolWorkers ATHENS_PROTOCOL_WORKERS
LogLevel ATHENS_LOG_LEVEL
LogFormat ATHENS_LOG_FORMAT
CloudRuntime ATHENS_CLOUD_RUNTIME
EnablePprof ATHENS_ENABLE_PPROF
PprofPort ATHENS_PPROF_PORT
FilterFile ATHENS_FILTER_FILE
RobotsFile ATHENS_ROBOTS_FILE
Timeout ATHENS_TIMEOUT
StashTimeout ATHENS_STASH_TIMEOUT
ShutdownTimeout ATHENS_SHUTDOWN_TIMEOUT
StorageType ATHENS_STORAGE_TYPE
Port ATHENS_PORT
UnixSocket ATHENS_UNIX_SOCKET
TLSCertFile ATHENS_TLSCERT_FILE
TLSKeyFile ATHENS_TLSKEY_FILE
GlobalEndpoint ATHENS_GLOBAL_ENDPOINT
BasicAuthUser BASIC_AUTH_USER
BasicAuthPass BASIC_AUTH_PASS
HomeTemplatePath ATHENS_HOME_TEMPLATE_PATH
ForceSSL PROXY_FORCE_SSL
ValidatorHook ATHENS_PROXY_VALIDATOR
PathPrefix ATHENS_PATH_PREFIX
NETRCPath ATHENS_NETRC_PATH
GithubToken ATHENS_GITHUB_TOKEN
HGRCPath ATHENS_HGRC_PATH
TraceExporter ATHENS_TRACE_EXPORTER
TraceExporterURL ATHENS_TRACE_EXPORTER_URL
TraceSamplingFraction ATHENS_TRACE_SAMPLING_FRACTION
StatsExporter ATHENS_STATS_EXPORTER
SumDBs ATHENS_SUM_DBS
NoSumPatterns ATHENS_GONOSUM_PATTERNS
DownloadMode ATHENS_DOWNLOAD_MODE
DownloadURL ATHENS_DOWNLOAD_URL
NetworkMode ATHENS_NETWORK_MODE
SingleFlightType ATHENS_SINGLE_FLIGHT_TYPE
IndexType ATHENS_INDEX_TYPE
SingleFlight.Etcd.Endpoints ATHENS_ETCD_ENDPOINTS
SingleFlight.Redis.Endpoint ATHENS_REDIS_ENDPOINT
SingleFlight.Redis.Password ATHENS_REDIS_PASSWORD
SingleFlight.Redis.Cluster ATHENS_REDIS_CLUSTER
SingleFlight.Redis.LockConfig.TTL ATHENS_REDIS_LOCK_TTL
SingleFlight.Redis.LockConfig.Timeout ATHENS_REDIS_LOCK_TIMEOUT
SingleFlight.Redis.LockConfig.MaxRetries ATHENS_REDIS_LOCK_MAX_RETRIES
SingleFlight.RedisSentinel.Endpoints ATHENS_REDIS_SENTINEL_ENDPOINTS
SingleFlight.RedisSentinel.MasterName ATHENS_REDIS_SENTINEL_MASTER_NAME
SingleFlight.RedisSentinel.SentinelPassword ATHENS_REDIS_SENTINEL_PASSWORD
SingleFlight.RedisSentinel.RedisUsername ATHENS_REDIS_USERNAME
SingleFlight.RedisSentinel.RedisPassword ATHENS_REDIS_PASSWORD
SingleFlight.RedisSentinel.DB ATHENS_REDIS_SENTINEL_DB
SingleFlight.RedisSentinel.LockConfig.TTL ATHENS_REDIS_LOCK_TTL
SingleFlight.RedisSentinel.LockConfig.Timeout ATHENS_REDIS_LOCK_TIMEOUT
SingleFlight.RedisSentinel.LockConfig.MaxRetries ATHENS_REDIS_LOCK_MAX_RETRIES
SingleFlight.GCP.StaleThreshold ATHENS_GCP_STALE_THRESHOLD
Storage.Disk.RootPath ATHENS_DISK_STORAGE_ROOT
Storage.GCP.ProjectID GOOGLE_CLOUD_PROJECT
Storage.GCP.Bucket ATHENS_STORAGE_GCP_BUCKET
Storage.GCP.JSONKey ATHENS_STORAGE_GCP_JSON_KEY
Storage.Minio.Endpoint ATHENS_MINIO_ENDPOINT
Storage.Minio.Key ATHENS_MINIO_ACCESS_KEY_ID
Storage.Minio.Secret ATHENS_MINIO_SECRET_ACCESS_KEY
Storage.Minio.Bucket ATHENS_MINIO_BUCKET_NAME
Storage.Minio.Region ATHENS_MINIO_REGION
Storage.Minio.EnableSSL ATHENS_MINIO_USE_SSL
Storage.Mongo.URL ATHENS_MONGO_STORAGE_URL
Storage.Mongo.DefaultDBName ATHENS_MONGO_DEFAULT_DATABASE
Storage.Mongo.DefaultCollectionName ATHENS_MONGO_DEFAULT_COLLECTION
Storage.Mongo.CertPath ATHENS_MONGO_CERT_PATH
Storage.Mongo.InsecureConn ATHENS_MONGO_INSECURE
Storage.Mongo.Insecure
Storage.S3.Region AWS_REGION
Storage.S3.Bucket ATHENS_S3_BUCKET_NAME
Storage.S3.Key AWS_ACCESS_KEY_ID
Storage.S3.Secret AWS_SECRET_ACCESS_KEY
Storage.S3.Token AWS_SESSION_TOKEN
Storage.S3.ForcePathStyle AWS_FORCE_PATH_STYLE
Storage.S3.UseDefaultConfiguration AWS_USE_DEFAULT_CONFIGURATION
Storage.S3.CredentialsEndpoint AWS_CREDENTIALS_ENDPOINT
Storage.S3.AwsContainerCredentialsRelativeURI AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
Storage.S3.Endpoint AWS_ENDPOINT
Storage.AzureBlob.AccountName ATHENS_AZURE_ACCOUNT_NAME
Storage.AzureBlob.ContainerName ATHENS_AZURE_CONTAINER_NAME
Storage.AzureBlob.AccountKey ATHENS_AZURE_ACCOUNT_KEY
Storage.AzureBlob.ManagedIdentityResourceId ATHENS_AZURE_MANAGED_IDENTITY_RESOURCE_ID
Storage.AzureBlob.CredentialScope ATHENS_AZURE_CREDENTIAL_SCOPE
Storage.External.URL ATHENS_EXTERNAL_STORAGE_URL
Storage.CDN.Endpoint CDN_ENDPOINT
Index.MySQL.Protocol ATHENS_INDEX_MYSQL_PROTOCOL
Index.MySQL.Host ATHENS_INDEX_MYSQL_HOST
Index.MySQL.Port ATHENS_INDEX_MYSQL_PORT
Index.MySQL.User ATHENS_INDEX_MYSQL_USER
Index.MySQL.Password ATHENS_INDEX_MYSQL_PASSWORD
Index.MySQL.Database ATHENS_INDEX_MYSQL_DATABASE
Index.MySQL.Params ATHENS_INDEX_MYSQL_PARAMS
Index.Postgres.Host ATHENS_INDEX_POSTGRES_HOST
Index.Postgres.Port ATHENS_INDEX_POSTGRES_PORT
Index.Postgres.User ATHENS_INDEX_POSTGRES_USER
Index.Postgres.Password ATHENS_INDEX_POSTGRES_PASSWORD
Index.Postgres.Database ATHENS_INDEX_POSTGRES_DATABASE
Index.Postgres.Params ATHENS_INDEX_POSTGRES_PARAMS
`
  .trim()
  .split('\n')
  .map((line) => line.split(' ') as [key: string, variable?: string]);

/** What every sample config.toml sets, whether or not it is used. */
const sample = `
GoBinary = "go"
GoEnv = "development"
GoGetWorkers = 10
GoGetDir = ""
ProtocolWorkers = 30
LogLevel = "debug"
LogFormat = "plain"
CloudRuntime = "none"
EnablePprof = false
PprofPort = ":3001"
FilterFile = ""
RobotsFile = "robots.txt"
Timeout = 300
StashTimeout = 600
StorageType = "memory"
Port = ":3000"
UnixSocket = ""
GlobalEndpoint = "http://localhost:3001"
BasicAuthUser = ""
BasicAuthPass = ""
HomeTemplatePath = "/var/lib/athens/home.html"
ForceSSL = false
ValidatorHook = ""
PathPrefix = ""
NETRCPath = ""
GithubToken = ""
HGRCPath = ""
TraceExporter = ""
TraceExporterURL = "http://localhost:4317"
TraceSamplingFraction = 1.0
StatsExporter = "prometheus"
SumDBs = ["https://sum.golang.org"]
NoSumPatterns = []
DownloadMode = "sync"
NetworkMode = "strict"
DownloadURL = ""
SingleFlightType = "memory"
IndexType = "none"
ShutdownTimeout = 60
[SingleFlight.Redis]
Endpoint = "127.0.0.1:6379"
[SingleFlight.Redis.LockConfig]
TTL = 900
[Storage.CDN]
Endpoint = "cdn.example.com"
[Storage.Disk]
RootPath = "/path/on/disk"
[Storage.Mongo]
URL = "mongodb://127.0.0.1:27017"
Insecure = false
[Storage.S3]
Bucket = "MY_S3_BUCKET_NAME"
[Index.MySQL.Params]
parseTime = "true"
timeout = "30s"
`;

describe('the table of Athens settings', () => {
  test.each(documented)('has %s', (key, variable) => {
    const setting = athensSettings.find((row) => row.key === key);
    expect(setting?.variable).toBe(variable);
  });

  test('has each key once', () => {
    const keys = athensSettings.map(({ key }) => key).filter((key) => key !== '');
    expect(new Set(keys.map((key) => key.toLowerCase())).size).toBe(keys.length);
  });

  test('maps to settings that there are', () => {
    const names = named.map(({ name }) => name);
    const mapped = athensSettings.flatMap(({ meaning }) => (meaning.kind === 'sets' ? meaning.name : []));
    expect(names).toEqual(expect.arrayContaining(mapped));
  });

  test.each(documented)('knows every name of %s as a key and as a variable', (key, variable) => {
    const line = key.includes('.')
      ? `[${key.slice(0, key.lastIndexOf('.'))}]\n${key.slice(key.lastIndexOf('.') + 1)} = ""`
      : `${key} = ""`;
    const said: Said[] = [
      {
        files: { 'athens.toml': `GoBinary = "go"\n${line}`.replace(/(GoBinary = "go"\n)(?=GoBinary )/, '') },
      },
    ];
    if (variable) said.push({ env: { [variable]: '' } }, { env: { [`ATHENS_${variable}`]: '' } });
    for (const each of said)
      expect(problemsOf(each).filter((text) => /no setting|no such/.test(text))).toEqual([]);
  });
});

describe('an Athens setting that Stoa has', () => {
  test.each<[Record<string, string>, string, unknown]>([
    [{ ATHENS_PORT: '3001' }, 'port', 3001],
    [{ ATHENS_PORT: 'localhost:3001' }, 'host', 'localhost'],
    [{ ATHENS_ATHENS_PORT: ':3001' }, 'port', 3001], // envconfig puts its prefix before every name
    [{ ATHENS_LOG_LEVEL: 'trace' }, 'log.level', 'debug'],
    [{ ATHENS_LOG_LEVEL: 'warning' }, 'log.level', 'warn'],
    [{ ATHENS_LOG_FORMAT: 'plain' }, 'log.format', 'plain'],
    [{ ATHENS_TIMEOUT: '30' }, 'fetch.questionTimeoutMs', 30_000],
    [{ ATHENS_STASH_TIMEOUT: '900' }, 'fetch.timeoutMs', 900_000],
    [{ ATHENS_SHUTDOWN_TIMEOUT: '0' }, 'drainTimeoutMs', 0],
    [{ ATHENS_GOGET_WORKERS: '3' }, 'fetch.zipsPerHost', 3],
    [{ ATHENS_UNIX_SOCKET: '/run/athens.sock' }, 'socket', '/run/athens.sock'],
    [{ ATHENS_PATH_PREFIX: '/go/' }, 'http.pathPrefix', '/go'],
    [{ ATHENS_NETRC_PATH: '/file' }, 'net.netrcFile', '/file'],
    [{ ATHENS_ROBOTS_FILE: '/file' }, 'http.robotsFile', '/file'],
    [{ ATHENS_ROBOTS_FILE: 'robots.txt' }, 'http.robotsFile', undefined], // Athens' default, and no such file
    [{ ATHENS_HOME_TEMPLATE_PATH: '/file' }, 'http.homeTemplateFile', '/file'],
    [{ ATHENS_HOME_TEMPLATE_PATH: '/var/lib/athens/home.html' }, 'http.homeTemplateFile', undefined],
    [{ ATHENS_TLSCERT_FILE: '/file', ATHENS_TLSKEY_FILE: '/file' }, 'tls.certFile', '/file'],
    [{ ATHENS_STATS_EXPORTER: '' }, 'metrics.enabled', false],
    [{ ATHENS_STATS_EXPORTER: 'prometheus' }, 'metrics.enabled', true],
    [{ ATHENS_STORAGE_TYPE: 'memory' }, 'storage.type', 'memory'],
    [{ ATHENS_STORAGE_TYPE: 'disk' }, 'storage.type', 'disk'],
    [
      { ATHENS_GONOSUM_PATTERNS: 'a.example.com,b.example.com/*' },
      'noSumdb',
      ['a.example.com', 'b.example.com/*'],
    ],
    [
      { ATHENS_GO_BINARY_ENV_VARS: 'GOPRIVATE=a.example.com; GONOPROXY=b.example.com' },
      'private',
      ['a.example.com', 'b.example.com'],
    ],
    [
      { ATHENS_GO_BINARY_ENV_VARS: 'GOPROXY=off;NO_PROXY=example.com,10.0.0.0/8' },
      'net.noProxy',
      ['example.com', '10.0.0.0/8'],
    ],
    [{ ATHENS_GO_BINARY_ENV_VARS: 'GOVCS=public:git' }, 'vcs.govcs', 'public:git'],
    [{ ATHENS_GO_BINARY_ENV_VARS: 'GOSUMDB=sum.golang.google.cn' }, 'sumdb.fallback.name', 'sum.golang.org'],
    [
      { ATHENS_GO_BINARY_ENV_VARS: 'GOINSECURE=a.example.com,b.example.com' },
      'vcs.insecure',
      ['a.example.com', 'b.example.com'],
    ],
    [{ ATHENS_GO_BINARY_ENV_VARS: 'GOAUTH=netrc' }, 'vcs.govcs', ''], // the default, and no other way in
    [{ ATHENS_LOG_LEVEL: '' }, 'log.level', 'info'], // an empty one says nothing
  ])('%j becomes %s', (env, path, expected) => {
    const { settings } = load({ env, files: { '/file': '' } });
    expect(
      path.split('.').reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], settings),
    ).toEqual(expected);
  });

  test('keeps its source', () => {
    expect(load({ env: { ATHENS_PORT: ':1' } }).sources.get('port')).toBe('ATHENS_PORT');
    const files = { 'athens.toml': 'Port = ":1"' };
    expect(load({ files }).sources.get('port')).toBe('athens.toml (Port)');
  });

  test('gives the go command of Athens its upstream, and Stoa the same', () => {
    const env = {
      ATHENS_GO_BINARY_ENV_VARS: 'GOPROXY=https://a.example.com|direct;GOSUMDB=off;GONOSUMDB=*;GOFLAGS=-x',
    };
    const { settings, sources, warnings, notes } = load({ env });
    expect(notes).toEqual([
      'without effect: ATHENS_GO_BINARY_ENV_VARS: GOFLAGS in it: Stoa downloads without the go command',
    ]);
    expect(formatUpstreams(settings.upstream)).toBe('https://a.example.com|direct');
    expect(sources.get('upstream')).toBe('ATHENS_GO_BINARY_ENV_VARS (GOPROXY)');
    expect(settings.noSumdb).toEqual(['*']);
    expect(settings.sumdb.fallback).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/^GOSUMDB=off: public modules are not verified/)]);
  });

  test('that asks for direct downloads alone gets them', () => {
    const files = { 'athens.toml': 'GoBinaryEnvVars = ["GOPROXY=direct"]' };
    const { settings, warnings } = load({ files });
    expect(formatUpstreams(settings.upstream)).toBe('direct');
    expect(warnings).toEqual([]);
  });

  test('gives a token to GitHub for the modules there', () => {
    expect(load({ env: { ATHENS_GITHUB_TOKEN: 't0ken' } }).settings.credentials).toEqual([
      {
        host: 'github.com',
        modules: 'github.com',
        secret: { kind: 'basic', username: 'x-access-token', password: 't0ken' },
      },
    ]);
  });

  test('gives a configuration of Mercurial to the modules that its hosts name, and the go command to read them', () => {
    const files = {
      '/hgrc':
        '[ui]\nx.prefix = no.example.com\n[auth]\na.prefix = https://hg.example.com/team\na.username = u\n' +
        'b.prefix = b.example.com:8443\nc.prefix = *\n',
    };
    const of = (env: Record<string, string>) => load({ env: { ATHENS_HGRC_PATH: '/hgrc', ...env }, files });
    const { settings, notes } = of({});
    expect(settings.vcs).toMatchObject({
      go: 'go',
      hgrcFile: '/hgrc',
      hgrcModules: ['hg.example.com', 'b.example.com'],
    });
    expect(notes).toEqual([]);
    const binary = of({ ATHENS_GO_BINARY_PATH: '/opt/go/bin/go' });
    expect(binary.settings.vcs.go).toBe('/opt/go/bin/go');
    expect(binary.notes).toEqual([]);
    expect(load({ env: { ATHENS_GO_BINARY_PATH: '/opt/go/bin/go' } })).toMatchObject({
      settings: { vcs: { go: undefined } },
      notes: ['without effect: ATHENS_GO_BINARY_PATH: Stoa downloads without the go command'],
    });
    expect(problemsOf({ env: { ATHENS_HGRC_PATH: '/nothing' } })).toEqual([
      expect.stringContaining('vcs.hgrc_file: "/nothing" from ATHENS_HGRC_PATH'),
    ]);
  });

  test('gives the logins of a netrc file to the modules that their hosts name', () => {
    const files = {
      '/netrc':
        'machine git.example.com login u password p\nmachine git.example.com:8443/team login u password p\n' +
        'machine *.example.com login u\ndefault login x password y\nmachine b.example.com password p',
    };
    const { settings } = load({ env: { ATHENS_NETRC_PATH: '/netrc' }, files });
    expect(settings.net).toMatchObject({
      netrcFile: '/netrc',
      netrcModules: ['git.example.com', 'b.example.com'],
    });
    expect(problemsOf({ env: { ATHENS_NETRC_PATH: '/gone' } })).toEqual([
      expect.stringContaining('it does not exist'),
    ]);
  });
});

describe('the disk root of Athens', () => {
  test.each<[string, Record<string, string>, string]>([
    ['gives ours a folder beside its own', { ATHENS_STORAGE_TYPE: 'disk' }, '/srv/athens/stoa'],
    ['also where no type is named', {}, '/srv/athens/stoa'],
    [
      'has no effect where the type is another',
      { ATHENS_STORAGE_TYPE: 'memory' },
      '/home/gopher/.local/share/stoa',
    ],
    ['is weaker than STOA_DATA', { STOA_DATA: '/srv/stoa' }, '/srv/stoa'],
  ])('%s', (_, env, data) => {
    expect(load({ env: { ...env, ATHENS_DISK_STORAGE_ROOT: '/srv/athens' } }).settings.data).toBe(data);
  });

  test('is warned about, since its modules are not read', () => {
    expect(load({ env: { ATHENS_DISK_STORAGE_ROOT: '/srv/athens' } }).warnings).toEqual([
      'ATHENS_DISK_STORAGE_ROOT: modules are stored in /srv/athens/stoa; reading the files of Athens in place is not available in this version of Stoa',
    ]);
  });
});

describe('an Athens setting for what is not built yet is refused', () => {
  test.each<[string, string, string]>([
    ['BASIC_AUTH_USER', 'gopher', 'basic authentication'],
    ['BASIC_AUTH_PASS', 's3cret', 'basic authentication'],
    ['ATHENS_BASIC_AUTH_USER', 'gopher', 'basic authentication'],
    ['PROXY_FORCE_SSL', 'true', 'the redirection of http to https'],
    ['ATHENS_FILTER_FILE', '/filter', 'the filter file'],
    ['ATHENS_PROXY_VALIDATOR', 'http://hook', 'the validation hook'],
    ['ATHENS_TRACE_EXPORTER', 'otlp', 'tracing'],
    ['ATHENS_STATS_EXPORTER', 'statsd', 'an exporter other than prometheus'],
    ['ATHENS_CLOUD_RUNTIME', 'GCP', 'a log format for a cloud'],
    ['ATHENS_DOWNLOAD_MODE', 'async_redirect', 'a download mode other than sync'],
    ['ATHENS_DOWNLOAD_MODE', 'file:/mode.hcl', 'a download mode other than sync'],
    ['ATHENS_NETWORK_MODE', 'offline', 'a network mode other than strict'],
    ['ATHENS_SINGLE_FLIGHT_TYPE', 'redis', 'a single flight type other than memory'],
    ['ATHENS_INDEX_TYPE', 'mysql', 'an index of modules'],
    ['ATHENS_STORAGE_TYPE', 'gcp', 'storage of type gcp'],
    ['ATHENS_STORAGE_TYPE', 'azureblob', 'storage of type azureblob'],
    [
      'ATHENS_GO_BINARY_ENV_VARS',
      'GOAUTH=git /;GIT_SSH_COMMAND=ssh',
      'what GOAUTH, GIT_SSH_COMMAND asks for',
    ],
  ])('%s=%s', (variable, value, what) => {
    expect(problemsOf({ env: { [variable]: value } })).toEqual([
      `${variable}: ${what} is not available in this version of Stoa`,
    ]);
  });

  test.each([
    ['StorageType', 'tape', '"tape" is no storage type of Athens'],
    ['GoBinaryEnvVars', 'GOPROXY', 'an entry is not of the form NAME=value'],
    ['Timeout', 'soon', 'is not a duration'],
  ])('as is a wrong value: %s = %s', (key, value, expected) => {
    expect(problemsOf({ files: { 'athens.toml': `${key} = "${value}"` } })).toEqual([
      expect.stringContaining(expected),
    ]);
  });
});

test('a checksum database beside the known one is refused with what to do', () => {
  const [problem] = problemsOf({ env: { ATHENS_SUM_DBS: 'https://sum.golang.org,https://sum.example.com' } });
  expect(problem).toMatch(/https:\/\/sum\.example\.com: name each of these databases with its key in sumdb$/);
});

describe('values that ask for nothing are accepted', () => {
  test.each([
    ['ATHENS_STORAGE_TYPE', 'memory'],
    ['ATHENS_DOWNLOAD_MODE', 'sync'],
    ['ATHENS_NETWORK_MODE', 'strict'],
    ['ATHENS_SINGLE_FLIGHT_TYPE', 'memory'],
    ['ATHENS_INDEX_TYPE', 'none'],
    ['ATHENS_SUM_DBS', 'https://sum.golang.org'],
    ['ATHENS_SUM_DBS', ''],
    ['ATHENS_CLOUD_RUNTIME', 'none'],
    ['ATHENS_FILTER_FILE', ''],
    ['PROXY_FORCE_SSL', 'FALSE'],
    ['BASIC_AUTH_PASS', ''],
    ['ATHENS_GO_BINARY_ENV_VARS', ''],
  ])('%s=%s', (variable, value) => {
    expect(problemsOf({ env: { [variable]: value } })).toEqual([]);
  });
});

describe('a config.toml of Athens', () => {
  test.each<[string, Said]>([
    ['-config_file=', { args: ['-config_file=/config/config.toml'] }],
    ['-config_file', { args: ['-config_file', '/config/config.toml'] }],
    ['--config_file', { args: ['--config_file', '/config/config.toml'] }],
    ['--config', { args: ['--config', '/config/config.toml'] }],
    ['STOA_CONFIG', { env: { STOA_CONFIG: '/config/config.toml' } }],
  ])('is taken from %s', (_, said) => {
    expect(load({ ...said, files: { '/config/config.toml': 'Port = ":4000"' } }).settings.port).toBe(4000);
  });

  test('as Athens ships it starts, and says what has no effect, a line for each reason', () => {
    const { settings, notes, warnings } = load({ files: { 'athens.toml': sample } });
    expect(settings).toMatchObject({
      port: 3000,
      storage: { type: 'memory' },
      log: { level: 'debug', format: 'plain' },
    });
    expect(warnings).toEqual([]);
    expect(notes).toContain('without effect: GoBinary, GoGetDir: Stoa downloads without the go command');
    expect(notes).toContain('without effect: Storage.Disk.RootPath: the storage type is memory');
    expect(new Set(notes).size).toBe(notes.length);
  });

  test('has keys in any case, as Athens reads them', () => {
    const text = 'GoBinary = "go"\nport = ":4000"\nSTORAGETYPE = "disk"\n[storage.DISK]\nrootpath = "/srv"';
    expect(load({ files: { 'athens.toml': text } }).settings).toMatchObject({
      port: 4000,
      data: '/srv/stoa',
    });
  });

  test('is weaker than the variables, also where only the file asks for what is not there', () => {
    const files = { 'athens.toml': 'StorageType = "mongo"\nPort = ":1"\nFilterFile = "/f"' };
    const env = { ATHENS_STORAGE_TYPE: 'disk', PORT: '2', ATHENS_FILTER_FILE: '' };
    expect(load({ files, env }).settings).toMatchObject({ port: 2, storage: { type: 'disk' } });
  });

  test('with a key that Athens does not know is refused', () => {
    const text = 'StorgeType = "disk"\nPort = ":1"\n[Storage.Disk]\nRoot = "/srv"';
    expect(problemsOf({ files: { 'athens.toml': text } })).toEqual([
      'athens.toml: Athens has no setting StorgeType; did you mean StorageType?',
      expect.stringMatching(/^athens\.toml: Athens has no setting Storage\.Disk\.Root/),
    ]);
  });
});

describe('generic variables that Athens reads as well', () => {
  const env = {
    AWS_REGION: 'eu-central-1',
    GO_ENV: 'production',
    GOOGLE_CLOUD_PROJECT: 'p',
    CDN_ENDPOINT: 'x',
  };

  test('are nobody’s business where there is nothing of Athens', () => {
    expect(load({ env }).notes).toEqual([]);
  });

  test('are noted where there is', () => {
    const { notes } = load({ env: { ...env, ATHENS_LOG_LEVEL: 'info' } });
    expect(notes.join('\n')).toMatch(
      /AWS_REGION[^\n]*: it belongs to a type of storage that is not selected/,
    );
  });

  test('refuse the start all the same where they would open what was closed', () => {
    expect(problemsOf({ env: { ...env, BASIC_AUTH_USER: 'gopher' } })).toHaveLength(1);
  });
});
