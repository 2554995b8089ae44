import { posix } from 'node:path';
import { parseNetrc } from '../net/netrc.ts';
import { type Entry, listenEntries } from './layer.ts';
import type { ReadFile } from './machine.ts';

/** A value of an Athens setting, and what its rule may look at beside it. */
export interface Given {
  /** As the variable has it: lists with commas, GoBinaryEnvVars with semicolons between. */
  readonly text: string;
  /** Where it was said: `ATHENS_PORT`, or the file and the key. */
  readonly source: string;
  /** The value in force of another setting, by its key; undefined where nothing says it. */
  readonly textOf: (key: string) => string | undefined;
  readonly readFile: ReadFile;
}

/** What a rule makes of a value. Sentences begin with the source. */
export interface Told {
  readonly entries?: readonly Entry[];
  readonly problem?: string;
  readonly warning?: string;
  /** Why it has no effect. */
  readonly idle?: string;
}

export function readPort({ text, source }: Given): Told {
  return text === '' ? {} : { entries: listenEntries(text, source) };
}

/** Ours are the names below `stoa/` in a bucket, which would otherwise collide with those of Athens. */
export function readStorageType({ text, source }: Given): Told {
  if (text === 'memory' || text === 'disk') return { entries: [{ name: 'storage.type', raw: text, source }] };
  if (text === 's3' || text === 'minio') {
    const entry = (name: string, raw: unknown): Entry => ({ name, raw, source });
    return {
      entries: [
        entry('storage.type', 's3'),
        entry('s3.prefix', 'stoa'),
        ...(text === 'minio' ? [entry('s3.path_style', true), entry('s3.create_bucket', true)] : []),
      ],
      warning: `${source}: modules are stored below stoa/ in the bucket; reading the objects of Athens in place is not available in this version of Stoa`,
    };
  }
  if (['mongo', 'gcp', 'azureblob', 'external'].includes(text)) {
    return { problem: notAvailable(source, `storage of type ${text}`) };
  }
  return { problem: `${source}: ${JSON.stringify(text)} is no storage type of Athens` };
}

/** Ours is the folder `stoa` beside what Athens stored, whose keys would otherwise collide with ours. */
export function readDiskRoot({ text, source, textOf }: Given): Told {
  if (text === '') return {};
  const storageType = textOf('StorageType') ?? 'disk';
  if (storageType !== 'disk') return { idle: `the storage type is ${storageType}` };
  const folder = posix.join(text, 'stoa');
  return {
    entries: [{ name: 'data', raw: folder, source }],
    warning: `${source}: modules are stored in ${folder}; reading the files of Athens in place is not available in this version of Stoa`,
  };
}

/** Athens takes off a scheme and has another setting for it. */
export function readMinioEndpoint({ text, source, textOf }: Given): Told {
  if (text === '') return {};
  const isTls = /^(1|t|T|TRUE|true|True)$/.test(textOf('Storage.Minio.EnableSSL') ?? '');
  const raw = `${isTls ? 'https' : 'http'}://${text.replace(/^https?:\/\//, '')}`;
  return { entries: [{ name: 's3.endpoint', raw, source }] };
}

/** The address of ECS is asked by the standard chain; for another the SDK of AWS has a variable of its own. */
export function readCredentialsEndpoint({ text, source }: Given): Told {
  if (text === '' || text === 'http://169.254.170.2') return {};
  return {
    problem: `${source}: Stoa takes the whole URL from AWS_CONTAINER_CREDENTIALS_FULL_URI; set that instead`,
  };
}

/** In the environment, the standard chain finds it. */
export function readCredentialsPath({ text, source }: Given): Told {
  const variable = 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI';
  if (text === '' || source === variable) return {};
  return { problem: `${source}: Stoa takes it from the variable ${variable}; set that instead` };
}

/** The default of Athens stands in every sample file, and means nothing where the file is missing. */
export function readFileIfThere(
  { text, source, readFile }: Given,
  name: string,
  athensDefault: string,
): Told {
  if (text === '') return {};
  if (text === athensDefault) {
    try {
      readFile(text);
    } catch {
      return { idle: `there is no file ${text}` };
    }
  }
  return { entries: [{ name, raw: text, source }] };
}

export function readStatsExporter({ text, source }: Given): Told {
  if (text !== '' && text !== 'prometheus')
    return { problem: notAvailable(source, 'an exporter other than prometheus') };
  return { entries: [{ name: 'metrics.enabled', raw: text === 'prometheus', source }] };
}

export function readNoSumPatterns({ text, source }: Given): Told {
  if (text === '') return {};
  return { entries: [{ name: 'no_sumdb', raw: text, source }] };
}

/** Athens passes on what a database says, whatever that is; here its key must be known. */
export function readSumDatabases({ text, source }: Given): Told {
  const isKnown = (url: string): boolean => ['sum.golang.org', 'https://sum.golang.org'].includes(url);
  const others = text.split(',').filter((url) => url !== '' && !isKnown(url.trim()));
  if (others.length === 0) return {};
  return { problem: `${source}: ${others.join(', ')}: name each of these databases with its key in sumdb` };
}

/** The token serves the modules of GitHub, private or not: a page elsewhere that leads there is followed without it. */
export function readGithubToken({ text, source }: Given): Told {
  if (text === '') return {};
  const raw = [{ host: 'github.com', modules: ['github.com'], token: text }];
  return { entries: [{ name: 'credentials', raw, source }] };
}

/** A login serves the modules that its own host names, private or not. */
export function readNetrcFile({ text, source, readFile }: Given): Told {
  if (text === '') return {};
  const entries: Entry[] = [{ name: 'net.netrc_file', raw: text, source }];
  const hosts = new Set(machinesIn(text, readFile).map((machine) => machine.replace(/[:/].*/, '')));
  const raw = [...hosts].filter((host) => /^[\w.-]+$/.test(host));
  return { entries: raw.length === 0 ? entries : [...entries, { name: 'net.netrc_modules', raw, source }] };
}

function machinesIn(file: string, readFile: ReadFile): string[] {
  return parseNetrc(contentOf(file, readFile)).map(({ machine }) => machine);
}

/** Of a file that cannot be read, nothing: the setting itself tells why. */
function contentOf(file: string, readFile: ReadFile): string {
  try {
    return readFile(file);
  } catch {
    return '';
  }
}

/**
 * A configuration of Mercurial is of use where Mercurial repositories are read, which takes the go command. What it holds
 * serves the modules that the hosts in it name, private or not.
 */
export function readHgrcFile({ text, source, textOf, readFile }: Given): Told {
  if (text === '') return {};
  const entries: Entry[] = [
    { name: 'vcs.go', raw: textOf('GoBinary') || 'go', source },
    { name: 'vcs.hgrc_file', raw: text, source },
  ];
  const raw = hostsInHgrc(text, readFile);
  return { entries: raw.length === 0 ? entries : [...entries, { name: 'vcs.hgrc_modules', raw, source }] };
}

/** The hosts of the prefixes in `[auth]`, which are URLs with or without a scheme, or `*`. */
function hostsInHgrc(file: string, readFile: ReadFile): string[] {
  let section = '';
  const hosts = new Set<string>();
  for (const line of contentOf(file, readFile).split('\n')) {
    section = /^\[([^[]+)\]/.exec(line)?.[1] ?? section;
    const prefix = /^\S+\.prefix\s*=\s*(?:\w+:\/\/)?([^\s/:]+)/.exec(line)?.[1];
    if (section === 'auth' && prefix !== undefined && /^[\w.-]+$/.test(prefix)) hosts.add(prefix);
  }
  return [...hosts];
}

export function readGoBinary({ textOf }: Given): Told {
  return textOf('HGRCPath') ? {} : { idle: noGoCommand };
}

/** Why what tunes the go command has no effect here. */
export const noGoCommand = 'Stoa downloads without the go command';

/** The environment that Athens gives the go command: what it asks of the command is what is asked of Stoa. */
export function readGoVariables({ text, source }: Given): Told {
  const variables = new Map<string, string>();
  for (const assignment of text.split(';')) {
    if (assignment.trim() === '') continue;
    const equals = assignment.indexOf('=');
    if (equals === -1) return { problem: `${source}: an entry is not of the form NAME=value` };
    variables.set(assignment.slice(0, equals).trim(), assignment.slice(equals + 1).trim());
  }

  const entries: Entry[] = [];
  const refused: string[] = [];
  const idle: string[] = [];
  for (const [variable, value] of variables) {
    const name = goVariables.get(variable);
    if (value === '' || variable === 'GOPRIVATE' || variable === 'GONOPROXY') continue;
    if (name !== undefined) entries.push({ name, raw: value, source: `${source} (${variable})` });
    else if (isHarmless(variable, value)) idle.push(variable);
    else refused.push(variable);
  }
  const privates = [variables.get('GOPRIVATE'), variables.get('GONOPROXY')]
    .filter((value) => value)
    .join(',');
  if (privates !== '') entries.push({ name: 'private', raw: privates, source });

  return {
    entries,
    ...(idle.length > 0 && { idle: `${idle.join(', ')} in it: ${noGoCommand}` }),
    ...(refused.length > 0 && { problem: notAvailable(source, `what ${refused.join(', ')} asks for`) }),
  };
}

/** The sentence for what is built later. */
export function notAvailable(source: string, what: string): string {
  return `${source}: ${what} is not available in this version of Stoa`;
}

const goVariables: ReadonlyMap<string, string> = new Map([
  ['GOPROXY', 'upstream'],
  ['GOVCS', 'vcs.govcs'],
  ['GOSUMDB', 'sumdb'],
  ['GONOSUMDB', 'no_sumdb'],
  ['GOINSECURE', 'vcs.insecure'],
  ['HTTP_PROXY', 'net.http_proxy'],
  ['http_proxy', 'net.http_proxy'],
  ['HTTPS_PROXY', 'net.https_proxy'],
  ['https_proxy', 'net.https_proxy'],
  ['NO_PROXY', 'net.no_proxy'],
  ['no_proxy', 'net.no_proxy'],
]);

/** True for what tunes the go command and asks nothing of Stoa. */
function isHarmless(variable: string, value: string): boolean {
  if (variable === 'GOAUTH') return value === 'off' || value === 'netrc';
  return !/^(GIT|SSH|HG|SVN|BZR|FOSSIL)_/.test(variable);
}
