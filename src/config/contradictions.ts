import { databasesOf } from '../sumdb/database-list.ts';
import { named, type Settings } from './schema.ts';
import { formatBytes, formatDuration } from './units.ts';

/** Where the value of a setting comes from, by its name; `default` where nobody set it. */
export type Sources = ReadonlyMap<string, string>;

/** Sentences about settings that can't hold together; each names both and where they come from. */
export function contradictions(settings: Settings, sources: Sources): string[] {
  const { tls, storage, cache, net, vcs } = settings;
  const said = (name: string) => sources.get(name) !== 'default';
  const from = (name: string) => (said(name) ? `from ${sources.get(name)}` : 'the default');
  const problems: string[] = [];

  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    const [there, missing] = tls.certFile === undefined ? ['key', 'cert'] : ['cert', 'key'];
    problems.push(
      `tls.${there}_file (${from(`tls.${there}_file`)}) needs tls.${missing}_file, which is not set (${from(`tls.${missing}_file`)})`,
    );
  }
  if (said('storage.max_memory') && storage.type !== 'memory') {
    problems.push(
      `storage.max_memory (${from('storage.max_memory')}) has no effect with storage.type ${storage.type} (${from('storage.type')})`,
    );
  }
  problems.push(...contradictionsOfS3(settings, sources));
  for (const [name, isSet, needed, isThere] of [
    ['net.netrc_modules', net.netrcModules.length > 0, 'net.netrc_file', net.netrcFile !== undefined],
    ['vcs.hgrc_modules', vcs.hgrcModules.length > 0, 'vcs.hgrc_file', vcs.hgrcFile !== undefined],
    ['vcs.hgrc_file', vcs.hgrcFile !== undefined, 'vcs.go', vcs.go !== undefined],
  ] as const) {
    if (isSet && !isThere)
      problems.push(
        `${name} (${from(name)}) has no effect without ${needed}, which is not set (${from(needed)})`,
      );
  }
  if (cache.memoryFileBytes > cache.memoryBytes && said('cache.memory_file')) {
    problems.push(
      `cache.memory_file ${formatBytes(cache.memoryFileBytes)} (${from('cache.memory_file')}) is larger than cache.memory ${formatBytes(cache.memoryBytes)} (${from('cache.memory')})`,
    );
  }
  problems.push(...ledgerContradictions(settings, from));
  for (const [key, name] of [
    ['connectTimeoutMs', 'net.connect_timeout'],
    ['firstByteTimeoutMs', 'net.first_byte_timeout'],
    ['stallTimeoutMs', 'net.stall_timeout'],
  ] as const) {
    // A total below a default only makes that one moot; two values that somebody chose are a mistake.
    if (!said(name) || !said('net.total_timeout') || net[key] <= net.totalTimeoutMs) continue;
    problems.push(
      `${name} ${formatDuration(net[key])} (${from(name)}) is longer than net.total_timeout ${formatDuration(net.totalTimeoutMs)} (${from('net.total_timeout')})`,
    );
  }
  return problems;
}

/** A log that is not there after a restart would begin anew, and a database that asks itself would never answer. */
function ledgerContradictions(
  { ledger, storage, sumdb }: Settings,
  from: (name: string) => string,
): string[] {
  const { key } = ledger;
  if (key === undefined) return [];
  const problems: string[] = [];
  if (storage.type === 'memory')
    problems.push(
      `ledger.key (${from('ledger.key')}) needs a store that outlives the server, which storage.type memory (${from('storage.type')}) does not`,
    );
  if (databasesOf(sumdb).some(({ name }) => name === key.name || name.startsWith(`${key.name}/`)))
    problems.push(
      `sumdb (${from('sumdb')}) names ${key.name}, the private log of this server itself (ledger.key, ${from('ledger.key')}); set STOA_SUMDB to the public database`,
    );
  return problems;
}

/**
 * The sentence to say loudly where a variable that was meant for go commands turns verification off here: what all
 * clients get would then be checked by nobody.
 */
export function unverified({ sumdb }: Settings, sources: Sources): string | undefined {
  const source = sources.get('sumdb') ?? '';
  if (sumdb.fallback !== undefined || !/\bGOSUMDB\b/.test(source)) return undefined;
  return 'GOSUMDB=off: public modules are not verified against a checksum database; unset it, or say STOA_SUMDB=off if that is meant';
}

function contradictionsOfS3({ storage, s3 }: Settings, sources: Sources): string[] {
  const from = (name: string) =>
    sources.get(name) === 'default' ? 'the default' : `from ${sources.get(name)}`;
  if (storage.type !== 's3') {
    return named
      .filter(({ name }) => name.startsWith('s3.') || name === 'storage.cache')
      .filter(
        ({ name, setting }) => !['default', ...setting.inherits].includes(sources.get(name) ?? 'default'),
      )
      .map(
        ({ name }) =>
          `${name} (${from(name)}) has no effect with storage.type ${storage.type} (${from('storage.type')})`,
      );
  }
  const needs = (name: string, other: string) =>
    `${name} (${from(name)}) needs ${other}, which is not set (${from(other)})`;
  const problems: string[] = [];
  if (s3.bucket === '')
    problems.push(
      `storage.type s3 (${from('storage.type')}) needs s3.bucket, which is not set (${from('s3.bucket')})`,
    );
  if (s3.secretAccessKey === '' && s3.accessKeyId !== '')
    problems.push(needs('s3.access_key_id', 's3.secret_access_key'));
  if (s3.accessKeyId === '' && s3.secretAccessKey !== '')
    problems.push(needs('s3.secret_access_key', 's3.access_key_id'));
  if (s3.accessKeyId === '' && s3.sessionToken !== '')
    problems.push(needs('s3.session_token', 's3.access_key_id'));
  return problems;
}

/** Sentences about settings that another one makes moot, which a machine may well do that sets PORT for every program. */
export function mootSettings(settings: Settings, sources: Sources): string[] {
  return [...mootAddress(settings, sources), ...mootCredentials(settings, sources)];
}

function mootAddress({ socket }: Settings, sources: Sources): string[] {
  if (socket === undefined) return [];
  return ['port', 'host']
    .filter((name) => sources.get(name) !== 'default')
    .map(
      (name) =>
        `${name} (from ${sources.get(name)}) is not used: socket (from ${sources.get('socket')}) takes its place`,
    );
}

/** A credential for repositories serves private modules, and often it is only forgotten to say which these are. */
function mootCredentials(settings: Settings, sources: Sources): string[] {
  if (settings.private.length > 0) return [];
  const entries = [...settings.upstream, ...settings.routes.flatMap((route) => route.entries)];
  const hosts = entries.flatMap((entry) => (entry.kind === 'upstream' ? [new URL(entry.url).host] : []));
  return settings.credentials
    .filter(({ host, modules }) => modules === undefined && !hosts.includes(host.toLowerCase()))
    .map(
      ({ host }) =>
        `credentials (from ${sources.get('credentials')}): that for ${host} is not used: it names no modules, no module is private, and no upstream is there`,
    );
}
