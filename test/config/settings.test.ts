import { describe, expect, test } from 'vitest';
import { named } from '../../src/config/schema.ts';
import { isComputed } from '../../src/config/setting.ts';
import { load, type Said } from './machine.ts';

/** Something else than the default, for every setting, as a variable has it. */
const others: Readonly<Record<string, string>> = {
  port: '4000',
  host: '127.0.0.1',
  socket: '/run/stoa.sock',
  mode: 'Standalone', // there is no other yet
  data: '/srv/stoa',
  catalog: 'sqlite:/srv/catalog.db',
  upstream: 'https://a.example.com|direct',
  routes: 'git.example.com/*=https://b.example.com',
  private: 'git.example.com/*',
  sumdb: 'sum.golang.org https://sum.example.com',
  sumdb_unreachable: 'verify-later',
  no_sumdb: 'open.example.com',
  credentials: '[[credentials]]\nhost = "git.example.com"\ntoken = "s3cret"',
  workers: '7',
  drain_timeout: '5s',
  drain_delay: '2s',
  'http.path_prefix': '/go',
  'http.home_template_file': '/file',
  'http.robots_file': '/file',
  'http.header_timeout': '1s',
  'http.idle_timeout': '2s',
  'http.trusted_proxies': '10.0.0.0/8,unix',
  'http.max_connections': '9',
  'http.max_url': '1KiB',
  'tls.cert_file': '/file',
  'tls.key_file': '/file',
  'storage.type': 'memory',
  'storage.max_memory': '2MiB',
  'storage.cache': '0',
  's3.bucket': 'modules',
  's3.prefix': 'go/modules',
  's3.endpoint': 'https://minio.example.com:9000',
  's3.region': 'eu-central-1',
  's3.path_style': 'false',
  's3.create_bucket': 'true',
  's3.access_key_id': 'key',
  's3.secret_access_key': 'a secret',
  's3.session_token': 'a token',
  's3.connections': '9',
  's3.timeout': '9s',
  'ledger.key': 'PRIVATE+KEY+sum.example.com+4fbe5bec+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH',
  'net.netrc_file': '/file',
  'net.netrc_modules': 'git.example.com/*',
  'net.private_hosts': 'git.example.com:8443',
  'net.ca_file': '/file',
  'net.http_proxy': 'http://proxy.example.com:3128',
  'net.https_proxy': 'proxy.example.com:3128',
  'net.no_proxy': 'example.com',
  'net.connect_timeout': '1s',
  'net.first_byte_timeout': '2s',
  'net.stall_timeout': '3s',
  'net.total_timeout': '4s',
  'net.retries': '0',
  'net.connections_per_host': '5',
  'fetch.zips_per_host': '1',
  'fetch.files_per_host': '2',
  'fetch.queue_length': '3',
  'fetch.queue_wait': '4s',
  'fetch.timeout': '5s',
  'fetch.question_timeout': '6s',
  'fetch.max_zip': '1MiB',
  'fetch.max_mod': '1MB',
  'vcs.rewrite': 'https://github.com/=>https://git.example.com/mirror/',
  'vcs.govcs': 'public:git',
  'vcs.insecure': 'git.example.com',
  'vcs.cache': '1GiB',
  'vcs.max_fetch': '2GiB',
  'vcs.processes': '3',
  'vcs.process_memory': '5GiB',
  'vcs.path': '/opt/git/bin',
  'vcs.go': '/usr/local/go/bin/go',
  'vcs.go_cache': '1GiB',
  'vcs.go_processes': '2',
  'vcs.hgrc_file': '/file',
  'vcs.hgrc_modules': 'hg.example.com/*',
  'cache.memory': '1GiB',
  'cache.memory_file': '1MiB',
  'fresh.answer': '0',
  'fresh.absence': '1s',
  'fresh.revalidate': '2s',
  'fresh.patience': '3s',
  'log.level': 'DEBUG',
  'log.format': 'plain',
  'log.service': 'proxy',
  'metrics.enabled': 'false',
};

const files = { '/file': 'text' };

/** A setting's value, as the type writes it. */
function shown(name: string, said: Said): string {
  const { settings } = load(said);
  const { keys, setting } = named.find((item) => item.name === name)!;
  return setting.type.format(
    keys.reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], settings),
  );
}

/** Settings that can't be without the one that is tested. */
function companions(name: string): Record<string, string> {
  if (name === 'tls.cert_file') return { STOA_TLS_KEY_FILE: '/file' };
  if (name === 'tls.key_file') return { STOA_TLS_CERT_FILE: '/file' };
  if (name === 'net.netrc_modules') return { STOA_NET_NETRC_FILE: '/file' };
  if (name === 'storage.cache' || name.startsWith('s3.')) return companionsOfS3(name);
  if (name === 'vcs.hgrc_modules') return { STOA_VCS_GO: 'go', STOA_VCS_HGRC_FILE: '/file' };
  if (name === 'vcs.hgrc_file') return { STOA_VCS_GO: 'go' };
  return name === 'storage.max_memory' ? { STOA_STORAGE_TYPE: 'memory' } : {};
}

function companionsOfS3(name: string): Record<string, string> {
  const bucket = { STOA_STORAGE_TYPE: 's3', ...(name !== 's3.bucket' && { STOA_S3_BUCKET: 'other' }) };
  switch (name) {
    case 's3.access_key_id':
      return { ...bucket, STOA_S3_SECRET_ACCESS_KEY: 's' };
    case 's3.secret_access_key':
      return { ...bucket, STOA_S3_ACCESS_KEY_ID: 'k' };
    case 's3.session_token':
      return { ...bucket, STOA_S3_ACCESS_KEY_ID: 'k', STOA_S3_SECRET_ACCESS_KEY: 's' };
    default:
      return bucket;
  }
}

describe('every setting', () => {
  test('is in the table of this test', () => {
    expect(Object.keys(others)).toEqual(named.map(({ name }) => name));
  });

  test('has names of its own in all three spellings', () => {
    const suffixed = (names: string[], suffix: string) => [
      ...names,
      ...names.map((name) => `${name}${suffix}`),
    ];
    const secrets = named.filter(({ setting }) => setting.secret);
    for (const spelling of ['name', 'variable', 'flag'] as const) {
      const names = named.map((item) => item[spelling]);
      expect(new Set(names).size).toBe(names.length);
      if (spelling === 'flag') continue;
      const withFiles = [
        ...names,
        ...suffixed(
          secrets.map((item) => item[spelling]),
          spelling === 'name' ? '_file' : '_FILE',
        ),
      ];
      expect(new Set(withFiles).size).toBe(names.length + secrets.length);
    }
  });

  test.each(named.map(({ name }) => name))('%s is read from its variable', (name) => {
    const { variable } = named.find((item) => item.name === name)!;
    const said = { env: { ...companions(name), [variable]: others[name]! }, files };
    expect(load(said).sources.get(name)).toBe(variable);
    if (name !== 'mode') expect(shown(name, said)).not.toBe(shown(name, {}));
  });

  test.each(named.map(({ name }) => name))('%s is read from its flag', (name) => {
    const { flag, setting } = named.find((item) => item.name === name)!;
    const value = setting.secret ? '/secret' : others[name]!;
    const said = {
      env: companions(name),
      args: [`${flag}=${value}`],
      files: { ...files, '/secret': others[name]! },
    };
    expect(load(said).sources.get(name)).toBe(flag);
  });

  test.each(named.map(({ name }) => name))('%s is read from the file', (name) => {
    const [key = '', group] = name.split('.').reverse();
    const assignment = name === 'credentials' ? others[name]! : `${key} = ${JSON.stringify(others[name])}`;
    const text = group === undefined ? assignment : `[${group}]\n${assignment}`;
    const said = { env: companions(name), files: { ...files, 'stoa.toml': text } };
    expect(load(said).sources.get(name)).toBe('stoa.toml');
  });

  test.each(named.filter(({ setting }) => !isComputed(setting.default)).map(({ name }) => name))(
    '%s has a default that is accepted',
    (name) => {
      const { setting } = named.find((item) => item.name === name)!;
      if (setting.secret) return expect(setting.type.format(setting.default)).toBe('');
      const text = setting.type.format(setting.default);
      const schema = setting.type.schema(() => '');
      expect(schema.parse(text)).toEqual(setting.default);
    },
  );

  test.each(named.map(({ keys, name }) => [name, keys.at(-1)!]))(
    '%s has its unit in its key, and not in its name',
    (name, key) => {
      const { accepts } = named.find((item) => item.name === name)!.setting.type;
      expect(key.endsWith('Ms')).toBe(accepts.startsWith('a duration'));
      expect(key.endsWith('Bytes')).toBe(accepts.startsWith('a size'));
      expect(name).not.toMatch(/_(ms|bytes)$/);
    },
  );
});
