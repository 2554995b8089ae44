import { createHash } from 'node:crypto';
import { ZipFile } from 'yazl';
import type { ModuleVersion } from '../../src/module/version.ts';

export type Files = Readonly<Record<string, string | Uint8Array>>;

export interface ZipOptions {
  /** Deflated (the default) or stored. */
  readonly compress?: boolean;
  /** The prefix of every entry; `path@version/` unless a lying zip is wanted. */
  readonly prefix?: string;
  /** Names that end in `/`, added after the files without any content. */
  readonly folders?: readonly string[];
}

/** The three files of a version as a proxy serves them, and the hashes the go command would compute. */
export interface ModuleFixture extends ModuleVersion {
  readonly info: Buffer;
  readonly mod: Buffer;
  readonly zip: Buffer;
  /** The h1 of the zip. */
  readonly h1: string;
  /** The h1 of the go.mod alone. */
  readonly modH1: string;
}

/** What a fixture is made of; whatever is left out is made up in the way a well-behaved proxy would. */
export interface FixtureParts {
  /** The content of the zip, without the prefix. Without `go.mod` in it the zip has none. */
  readonly files?: Files;
  /** The `.mod`; by default the zip's go.mod, else the synthesized line. */
  readonly mod?: string;
  /** The `.info`; by default the version and `time`. */
  readonly info?: string;
  readonly time?: string;
  readonly compress?: boolean;
}

/** A module zip. The same files give the same bytes on every run. */
export function buildModuleZip(
  version: ModuleVersion,
  files: Files,
  options: ZipOptions = {},
): Promise<Buffer> {
  const prefix = options.prefix ?? `${version.path}@${version.version}/`;
  const zip = new ZipFile();
  const entry = { mtime: new Date('2024-05-06T07:08:10Z'), mode: 0o100644, forceDosTimestamp: true };
  for (const [name, content] of Object.entries(files)) {
    zip.addBuffer(bufferOf(content), prefix + name, { ...entry, compress: options.compress ?? true });
  }
  for (const name of options.folders ?? []) {
    zip.addEmptyDirectory(prefix + name, { mtime: entry.mtime, forceDosTimestamp: true });
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    zip.on('error', reject);
    zip.outputStream.on('data', (chunk: Buffer) => chunks.push(chunk));
    zip.outputStream.on('end', () => resolve(Buffer.concat(chunks)));
    zip.end();
  });
}

/** A whole version: by default a module with a go.mod and one Go file. */
export async function moduleFixture(
  version: ModuleVersion,
  parts: FixtureParts = {},
): Promise<ModuleFixture> {
  const goMod = `module ${version.path}\n\ngo 1.21\n`;
  const files = parts.files ?? { 'go.mod': parts.mod ?? goMod, 'hello.go': helloSource(version) };
  const mod = bufferOf(parts.mod ?? files['go.mod'] ?? `module ${version.path}\n`);
  const info =
    parts.info ?? JSON.stringify({ Version: version.version, Time: parts.time ?? '2024-05-06T07:08:10Z' });
  const names = Object.keys(files);
  return {
    path: version.path,
    version: version.version,
    info: Buffer.from(info),
    mod,
    zip: await buildModuleZip(version, files, { compress: parts.compress ?? true }),
    h1: hash1(names.map((name) => [`${version.path}@${version.version}/${name}`, bufferOf(files[name]!)])),
    modH1: hash1([['go.mod', mod]]),
  };
}

/** dirhash.Hash1, written here a second time so that tests do not judge the product by itself. */
function hash1(files: readonly (readonly [name: string, content: Buffer])[]): string {
  const lines = [...files]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}\n`);
  return `h1:${createHash('sha256').update(lines.join('')).digest('base64')}`;
}

function helloSource(version: ModuleVersion): string {
  return `// Package hello greets from ${version.version}.\npackage hello\n\n// Hello returns a greeting.\nfunc Hello() string { return "hello from ${version.version}" }\n`;
}

function bufferOf(content: string | Uint8Array): Buffer {
  return typeof content === 'string'
    ? Buffer.from(content)
    : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}
