import {
  type Given,
  noGoCommand,
  readCredentialsEndpoint,
  readCredentialsPath,
  readDiskRoot,
  readFileIfThere,
  readGithubToken,
  readGoBinary,
  readGoVariables,
  readHgrcFile,
  readMinioEndpoint,
  readNetrcFile,
  readNoSumPatterns,
  readPort,
  readStatsExporter,
  readStorageType,
  readSumDatabases,
  type Told,
} from './athens-rules.ts';

/** A setting of Athens: one row of its documentation. */
export interface AthensSetting {
  /** In config.toml, where letter case does not matter; empty where there is only a variable. */
  readonly key: string;
  /** As Athens tags it; with the prefixes `ATHENS_` and `ATHENS_<SECTION>_` it is read as well. */
  readonly variable?: string;
  /** The only StorageType with which it means anything. */
  readonly storage?: 's3' | 'minio';
  readonly meaning: AthensMeaning;
}

/** What becomes of it here. */
export type AthensMeaning =
  /** It is the Stoa setting of that name; `seconds`: a bare number is a duration in seconds. */
  | { readonly kind: 'sets'; readonly name: string; readonly seconds: boolean }
  /** It is read by a rule of its own, which `doc` tells. */
  | { readonly kind: 'rule'; readonly doc: string; read(given: Given): Told }
  /** It is accepted and has no effect, because there is nothing here that it could change. */
  | { readonly kind: 'idle'; readonly because: string }
  /** It asks for a part that is not built yet, unless its value (in lower case) is one of `unless`. */
  | { readonly kind: 'later'; readonly what: string; readonly unless: readonly string[] };

/** Why a setting of a store that is not selected has no effect. */
export const otherStorage = 'it belongs to a type of storage that is not selected';
const otherLock = 'it belongs to a type of single flight that is not selected';
const otherIndex = 'it belongs to a type of index that is not selected';
const retired = 'no current version of Athens reads it either';
const isFalse = ['', 'false', 'f', '0'];

/** Every key of config.toml and every variable of Athens v0.18, and those that older sample files still hold. */
export const athensSettings: readonly AthensSetting[] = [
  row('GoBinary', 'GO_BINARY_PATH', {
    kind: 'rule',
    doc: '`vcs.go` where `HGRCPath` is set; else without effect: Stoa downloads without the go command',
    read: readGoBinary,
  }),
  row('GoEnv', 'GO_ENV', idle('development and production are the same to Stoa')),
  row('GoBinaryEnvVars', 'ATHENS_GO_BINARY_ENV_VARS', {
    kind: 'rule',
    doc: '`GOPROXY` becomes `upstream`; `GOPRIVATE` and `GONOPROXY` become `private`; `GOVCS` becomes `vcs.govcs`; `GOINSECURE` becomes `vcs.insecure`; `GOSUMDB` and `GONOSUMDB` become `sumdb` and `no_sumdb`; the proxy variables become `net.http_proxy`, `net.https_proxy` and `net.no_proxy`; variables of the go command itself have no effect; others are not available in this version',
    read: readGoVariables,
  }),
  row('GoGetWorkers', 'ATHENS_GOGET_WORKERS', sets('fetch.zips_per_host')),
  row('GoGetDir', 'ATHENS_GOGET_DIR', idle(noGoCommand)),
  row('ProtocolWorkers', 'ATHENS_PROTOCOL_WORKERS', idle('stored modules are served without a bound')),
  row('LogLevel', 'ATHENS_LOG_LEVEL', sets('log.level')),
  row('LogFormat', 'ATHENS_LOG_FORMAT', sets('log.format')),
  row('CloudRuntime', 'ATHENS_CLOUD_RUNTIME', later('a log format for a cloud', '', 'none')),
  row('EnablePprof', 'ATHENS_ENABLE_PPROF', idle('pprof profiles Go programs')),
  row('PprofPort', 'ATHENS_PPROF_PORT', idle('pprof profiles Go programs')),
  row('FilterFile', 'ATHENS_FILTER_FILE', later('the filter file', '')),
  row('RobotsFile', 'ATHENS_ROBOTS_FILE', {
    kind: 'rule',
    doc: '`http.robots_file`; the default of Athens, `robots.txt`, only where that file exists',
    read: (given) => readFileIfThere(given, 'http.robots_file', 'robots.txt'),
  }),
  row('Timeout', 'ATHENS_TIMEOUT', sets('fetch.question_timeout', true)),
  row('StashTimeout', 'ATHENS_STASH_TIMEOUT', sets('fetch.timeout', true)),
  row('ShutdownTimeout', 'ATHENS_SHUTDOWN_TIMEOUT', sets('drain_timeout', true)),
  row('StorageType', 'ATHENS_STORAGE_TYPE', {
    kind: 'rule',
    doc: '`storage.type` for `memory`, `disk`, `s3` and `minio`, which is `s3` with `s3.path_style` and `s3.create_bucket`; in a bucket `s3.prefix` becomes `stoa`, and the objects Athens stored are not read in this version; other types are not available in this version',
    read: readStorageType,
  }),
  row('Port', 'ATHENS_PORT', {
    kind: 'rule',
    doc: '`port`, and `host` where it names one',
    read: readPort,
  }),
  row('UnixSocket', 'ATHENS_UNIX_SOCKET', sets('socket')),
  row('TLSCertFile', 'ATHENS_TLSCERT_FILE', sets('tls.cert_file')),
  row('TLSKeyFile', 'ATHENS_TLSKEY_FILE', sets('tls.key_file')),
  row('GlobalEndpoint', 'ATHENS_GLOBAL_ENDPOINT', idle('only rules of a filter file use it')),
  row('BasicAuthUser', 'BASIC_AUTH_USER', later('basic authentication', '')),
  row('BasicAuthPass', 'BASIC_AUTH_PASS', later('basic authentication', '')),
  row('HomeTemplatePath', 'ATHENS_HOME_TEMPLATE_PATH', {
    kind: 'rule',
    doc: '`http.home_template_file`; the default of Athens, `/var/lib/athens/home.html`, only where that file exists',
    read: (given) => readFileIfThere(given, 'http.home_template_file', '/var/lib/athens/home.html'),
  }),
  row('ForceSSL', 'PROXY_FORCE_SSL', later('the redirection of http to https', ...isFalse)),
  row('ValidatorHook', 'ATHENS_PROXY_VALIDATOR', later('the validation hook', '')),
  row('PathPrefix', 'ATHENS_PATH_PREFIX', sets('http.path_prefix')),
  row('NETRCPath', 'ATHENS_NETRC_PATH', {
    kind: 'rule',
    doc: '`net.netrc_file`, and `net.netrc_modules` with the hosts in that file: a login serves the modules whose paths begin with one of them',
    read: readNetrcFile,
  }),
  row('GithubToken', 'ATHENS_GITHUB_TOKEN', {
    kind: 'rule',
    doc: '`credentials` with one entry: a token for `github.com` that serves the modules there',
    read: readGithubToken,
  }),
  row('HGRCPath', 'ATHENS_HGRC_PATH', {
    kind: 'rule',
    doc: '`vcs.hgrc_file`, `vcs.hgrc_modules` with the hosts in its `[auth]`, and `vcs.go` with `GoBinary` or `go`: Mercurial repositories are read through the go command',
    read: readHgrcFile,
  }),
  row('TraceExporter', 'ATHENS_TRACE_EXPORTER', later('tracing', '')),
  row('TraceExporterURL', 'ATHENS_TRACE_EXPORTER_URL', idle('no exporter of traces is selected')),
  row('TraceSamplingFraction', 'ATHENS_TRACE_SAMPLING_FRACTION', idle('no exporter of traces is selected')),
  row('StatsExporter', 'ATHENS_STATS_EXPORTER', {
    kind: 'rule',
    doc: '`metrics.enabled`: true for `prometheus`, false when empty',
    read: readStatsExporter,
  }),
  row('SumDBs', 'ATHENS_SUM_DBS', {
    kind: 'rule',
    doc: '`sum.golang.org` is served and verified against anyway; others are named in `sumdb`, with their keys',
    read: readSumDatabases,
  }),
  row('NoSumPatterns', 'ATHENS_GONOSUM_PATTERNS', {
    kind: 'rule',
    doc: '`no_sumdb`: looked up in no checksum database, by Stoa or through it',
    read: readNoSumPatterns,
  }),
  row('DownloadMode', 'ATHENS_DOWNLOAD_MODE', later('a download mode other than sync', '', 'sync')),
  row('DownloadURL', 'ATHENS_DOWNLOAD_URL', idle('only the download modes that redirect use it')),
  row('NetworkMode', 'ATHENS_NETWORK_MODE', later('a network mode other than strict', '', 'strict')),
  row(
    'SingleFlightType',
    'ATHENS_SINGLE_FLIGHT_TYPE',
    later('a single flight type other than memory', '', 'memory'),
  ),
  row('IndexType', 'ATHENS_INDEX_TYPE', later('an index of modules', '', 'none')),

  row('SingleFlight.Etcd.Endpoints', 'ATHENS_ETCD_ENDPOINTS', idle(otherLock)),
  row('SingleFlight.Redis.Endpoint', 'ATHENS_REDIS_ENDPOINT', idle(otherLock)),
  row('SingleFlight.Redis.Password', 'ATHENS_REDIS_PASSWORD', idle(otherLock)),
  row('SingleFlight.Redis.Cluster', 'ATHENS_REDIS_CLUSTER', idle(otherLock)),
  row('SingleFlight.Redis.LockConfig.TTL', 'ATHENS_REDIS_LOCK_TTL', idle(otherLock)),
  row('SingleFlight.Redis.LockConfig.Timeout', 'ATHENS_REDIS_LOCK_TIMEOUT', idle(otherLock)),
  row('SingleFlight.Redis.LockConfig.MaxRetries', 'ATHENS_REDIS_LOCK_MAX_RETRIES', idle(otherLock)),
  row('SingleFlight.RedisSentinel.Endpoints', 'ATHENS_REDIS_SENTINEL_ENDPOINTS', idle(otherLock)),
  row('SingleFlight.RedisSentinel.MasterName', 'ATHENS_REDIS_SENTINEL_MASTER_NAME', idle(otherLock)),
  row('SingleFlight.RedisSentinel.SentinelPassword', 'ATHENS_REDIS_SENTINEL_PASSWORD', idle(otherLock)),
  row('SingleFlight.RedisSentinel.RedisUsername', 'ATHENS_REDIS_USERNAME', idle(otherLock)),
  row('SingleFlight.RedisSentinel.RedisPassword', 'ATHENS_REDIS_PASSWORD', idle(otherLock)),
  row('SingleFlight.RedisSentinel.DB', 'ATHENS_REDIS_SENTINEL_DB', idle(otherLock)),
  row('SingleFlight.RedisSentinel.LockConfig.TTL', 'ATHENS_REDIS_LOCK_TTL', idle(otherLock)),
  row('SingleFlight.RedisSentinel.LockConfig.Timeout', 'ATHENS_REDIS_LOCK_TIMEOUT', idle(otherLock)),
  row('SingleFlight.RedisSentinel.LockConfig.MaxRetries', 'ATHENS_REDIS_LOCK_MAX_RETRIES', idle(otherLock)),
  row('SingleFlight.GCP.StaleThreshold', 'ATHENS_GCP_STALE_THRESHOLD', idle(otherLock)),
  row('', 'ATHENS_REDIS_DB', idle(retired)),

  row('Storage.Disk.RootPath', 'ATHENS_DISK_STORAGE_ROOT', {
    kind: 'rule',
    doc: '`data` becomes the folder `stoa` in it, unless `StorageType` is another than `disk`; the files Athens stored there are not read in this version',
    read: readDiskRoot,
  }),
  row('Storage.GCP.ProjectID', 'GOOGLE_CLOUD_PROJECT', idle(otherStorage)),
  row('Storage.GCP.Bucket', 'ATHENS_STORAGE_GCP_BUCKET', idle(otherStorage)),
  row('Storage.GCP.JSONKey', 'ATHENS_STORAGE_GCP_JSON_KEY', idle(otherStorage)),
  inStorage('minio', 'Storage.Minio.Endpoint', 'ATHENS_MINIO_ENDPOINT', {
    kind: 'rule',
    doc: '`s3.endpoint`, with the scheme that `EnableSSL` says',
    read: readMinioEndpoint,
  }),
  inStorage('minio', 'Storage.Minio.Key', 'ATHENS_MINIO_ACCESS_KEY_ID', sets('s3.access_key_id')),
  inStorage('minio', 'Storage.Minio.Secret', 'ATHENS_MINIO_SECRET_ACCESS_KEY', sets('s3.secret_access_key')),
  inStorage('minio', 'Storage.Minio.Bucket', 'ATHENS_MINIO_BUCKET_NAME', sets('s3.bucket')),
  inStorage('minio', 'Storage.Minio.Region', 'ATHENS_MINIO_REGION', sets('s3.region')),
  inStorage('minio', 'Storage.Minio.EnableSSL', 'ATHENS_MINIO_USE_SSL', {
    kind: 'rule',
    doc: 'the scheme of `s3.endpoint`',
    read: () => ({}),
  }),
  row('Storage.Mongo.URL', 'ATHENS_MONGO_STORAGE_URL', idle(otherStorage)),
  row('Storage.Mongo.DefaultDBName', 'ATHENS_MONGO_DEFAULT_DATABASE', idle(otherStorage)),
  row('Storage.Mongo.DefaultCollectionName', 'ATHENS_MONGO_DEFAULT_COLLECTION', idle(otherStorage)),
  row('Storage.Mongo.CertPath', 'ATHENS_MONGO_CERT_PATH', idle(otherStorage)),
  row('Storage.Mongo.InsecureConn', 'ATHENS_MONGO_INSECURE', idle(otherStorage)),
  row('Storage.Mongo.Insecure', undefined, idle(otherStorage)),
  inStorage('s3', 'Storage.S3.Region', 'AWS_REGION', sets('s3.region')),
  inStorage('s3', 'Storage.S3.Bucket', 'ATHENS_S3_BUCKET_NAME', sets('s3.bucket')),
  inStorage('s3', 'Storage.S3.Key', 'AWS_ACCESS_KEY_ID', sets('s3.access_key_id')),
  inStorage('s3', 'Storage.S3.Secret', 'AWS_SECRET_ACCESS_KEY', sets('s3.secret_access_key')),
  inStorage('s3', 'Storage.S3.Token', 'AWS_SESSION_TOKEN', sets('s3.session_token')),
  inStorage('s3', 'Storage.S3.ForcePathStyle', 'AWS_FORCE_PATH_STYLE', sets('s3.path_style')),
  row(
    'Storage.S3.UseDefaultConfiguration',
    'AWS_USE_DEFAULT_CONFIGURATION',
    idle('without a key, Stoa always asks the standard chain of AWS'),
  ),
  inStorage('s3', 'Storage.S3.CredentialsEndpoint', 'AWS_CREDENTIALS_ENDPOINT', {
    kind: 'rule',
    doc: 'the address of ECS, which the standard chain asks; for another set `AWS_CONTAINER_CREDENTIALS_FULL_URI`',
    read: readCredentialsEndpoint,
  }),
  inStorage('s3', 'Storage.S3.AwsContainerCredentialsRelativeURI', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', {
    kind: 'rule',
    doc: 'as a variable it is read by the standard chain, and in a file refused',
    read: readCredentialsPath,
  }),
  inStorage('s3', 'Storage.S3.Endpoint', 'AWS_ENDPOINT', sets('s3.endpoint')),
  row('Storage.AzureBlob.AccountName', 'ATHENS_AZURE_ACCOUNT_NAME', idle(otherStorage)),
  row('Storage.AzureBlob.AccountKey', 'ATHENS_AZURE_ACCOUNT_KEY', idle(otherStorage)),
  row(
    'Storage.AzureBlob.ManagedIdentityResourceId',
    'ATHENS_AZURE_MANAGED_IDENTITY_RESOURCE_ID',
    idle(otherStorage),
  ),
  row('Storage.AzureBlob.CredentialScope', 'ATHENS_AZURE_CREDENTIAL_SCOPE', idle(otherStorage)),
  row('Storage.AzureBlob.ContainerName', 'ATHENS_AZURE_CONTAINER_NAME', idle(otherStorage)),
  row('Storage.External.URL', 'ATHENS_EXTERNAL_STORAGE_URL', idle(otherStorage)),
  row('Storage.CDN.Endpoint', 'CDN_ENDPOINT', idle(retired)),

  row('Index.MySQL.Protocol', 'ATHENS_INDEX_MYSQL_PROTOCOL', idle(otherIndex)),
  row('Index.MySQL.Host', 'ATHENS_INDEX_MYSQL_HOST', idle(otherIndex)),
  row('Index.MySQL.Port', 'ATHENS_INDEX_MYSQL_PORT', idle(otherIndex)),
  row('Index.MySQL.User', 'ATHENS_INDEX_MYSQL_USER', idle(otherIndex)),
  row('Index.MySQL.Password', 'ATHENS_INDEX_MYSQL_PASSWORD', idle(otherIndex)),
  row('Index.MySQL.Database', 'ATHENS_INDEX_MYSQL_DATABASE', idle(otherIndex)),
  row('Index.MySQL.Params', 'ATHENS_INDEX_MYSQL_PARAMS', idle(otherIndex)),
  row('Index.Postgres.Host', 'ATHENS_INDEX_POSTGRES_HOST', idle(otherIndex)),
  row('Index.Postgres.Port', 'ATHENS_INDEX_POSTGRES_PORT', idle(otherIndex)),
  row('Index.Postgres.User', 'ATHENS_INDEX_POSTGRES_USER', idle(otherIndex)),
  row('Index.Postgres.Password', 'ATHENS_INDEX_POSTGRES_PASSWORD', idle(otherIndex)),
  row('Index.Postgres.Database', 'ATHENS_INDEX_POSTGRES_DATABASE', idle(otherIndex)),
  row('Index.Postgres.Params', 'ATHENS_INDEX_POSTGRES_PARAMS', idle(otherIndex)),

  row('BuffaloLogLevel', 'BUFFALO_LOG_LEVEL', idle(retired)),
  row('GoProxy', undefined, idle(retired)),
  row('FilterOff', undefined, idle(retired)),
  row('MaxConcurrency', undefined, idle(retired)),
  row('MaxWorkerFails', undefined, idle(retired)),
  row('EnableCSRFProtection', undefined, idle(retired)),
  row('PropagateAuth', undefined, idle(retired)),
  row('PropagateAuthHost', undefined, idle(retired)),
  row('Storage.CDN.Timeout', undefined, idle(retired)),
  row('Storage.GCP.Timeout', undefined, idle(retired)),
  row('Storage.Minio.Timeout', undefined, idle(retired)),
  row('Storage.Mongo.Timeout', undefined, idle(retired)),
  row('Storage.S3.Timeout', undefined, idle(retired)),
];

function row(key: string, variable: string | undefined, meaning: AthensMeaning): AthensSetting {
  return { key, ...(variable === undefined ? {} : { variable }), meaning };
}

/** A setting of one type of storage. */
function inStorage(
  storage: 's3' | 'minio',
  key: string,
  variable: string,
  meaning: AthensMeaning,
): AthensSetting {
  return { ...row(key, variable, meaning), storage };
}

function sets(name: string, seconds = false): AthensMeaning {
  return { kind: 'sets', name, seconds };
}

function idle(because: string): AthensMeaning {
  return { kind: 'idle', because };
}

function later(what: string, ...unless: string[]): AthensMeaning {
  return { kind: 'later', what, unless };
}
