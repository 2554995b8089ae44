// The modules of the benchmark: made up, the same on every run, cheap to serve however large.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';

/** The sizes of zips that are measured, in bytes, about. */
export const zipSizes = {
  '20kb': 20_000,
  '257kb': 257_000,
  '10mb': 10_000_000,
  '36mb': 36_000_000,
  '200mb': 200_000_000,
} as const;

export type ZipSize = keyof typeof zipSizes;

/** The version that every module has and that is asked for. */
export const version = 'v1.9.0';

/** The versions in a list. */
const versions: readonly string[] = Array.from({ length: 10 }, (_, minor) => `v1.${minor}.0`);

/** A module whose zip is about that large; the `id` tells it from others. */
export function sizedModule(size: ZipSize, id: string): string {
  return `example.com/zip-${size}/${id}`;
}

/** A module whose list takes three seconds. */
export function hangingModule(id: string): string {
  return `example.com/hang/${id}`;
}

/** The modules of the project that the go command downloads. */
export const projectModules: readonly string[] = Array.from(
  { length: 120 },
  (_, number) => `example.com/dep/m${String(number).padStart(3, '0')}`,
);

/** The go.mod of that project: everything is listed, as `go mod tidy` does it. */
export function projectGoMod(): string {
  const lines = projectModules.map((path) => `\t${path} ${version}`);
  return `module example.com/project\n\ngo 1.21\n\nrequire (\n${lines.join('\n')}\n)\n`;
}

/** The path of a file below the base of a proxy. */
export function filePath(module: string, file: 'list' | 'info' | 'mod' | 'zip', at = version): string {
  return `/${module}/@v/${file === 'list' ? 'list' : `${at}.${file}`}`;
}

export interface BenchData {
  list(): Buffer;
  info(at: string): Buffer;
  mod(module: string): Buffer;
  /** The zip in parts that share their memory with all other zips; their lengths add up to its size. */
  zip(module: string, at: string): readonly Buffer[];
  /** Writes list, info, mod and zip below a folder, as a static web server serves them. */
  write(folder: string, modules: readonly string[]): void;
}

export function createData(): BenchData {
  const blobs = createBlobs();
  const data: BenchData = {
    list: () => Buffer.from(versions.map((at) => `${at}\n`).join('')),
    info: (at) => Buffer.from(JSON.stringify({ Version: at, Time: '2024-05-06T07:08:09Z' })),
    mod: goMod,
    zip(module, at) {
      const files = [{ name: 'go.mod', blob: stored(goMod(module)) }];
      let left = zipBytes(module);
      for (let number = 0; left > 0; number++) {
        const blob = blobs.fitting(left, number, module.startsWith('example.com/zip-200mb/'));
        files.push({ name: `data/f${String(number).padStart(5, '0')}.txt`, blob });
        left -= blob.bytes.length;
      }
      return zipParts(`${module}@${at}/`, files);
    },
    write(folder, modules) {
      for (const module of modules) {
        const base = join(folder, module, '@v');
        mkdirSync(base, { recursive: true });
        writeFileSync(join(folder, filePath(module, 'list')), data.list());
        writeFileSync(join(folder, filePath(module, 'info')), data.info(version));
        writeFileSync(join(folder, filePath(module, 'mod')), data.mod(module));
        writeFileSync(join(folder, filePath(module, 'zip')), Buffer.concat(data.zip(module, version)));
      }
    },
  };
  return data;
}

/** About 700 bytes; a module of the project requires up to three that stand before it. */
function goMod(module: string): Buffer {
  const number = projectModules.indexOf(module);
  const required = [1, 7, 31]
    .map((step) => projectModules[number - step])
    .filter((path) => path !== undefined);
  const lines = number < 0 ? [] : required.map((path) => `require ${path} ${version}\n`);
  const comment = `// ${'Generated for the benchmark. '.repeat(2)}\n`.repeat(8);
  return Buffer.from(`module ${module}\n\ngo 1.21\n\n${lines.join('')}\n${comment}`);
}

/** From 4 KB to 3 MB for the project's modules, most of them small, as real ones are. */
function zipBytes(module: string): number {
  const size = /^example\.com\/zip-(\w+)\//.exec(module)?.[1];
  if (size !== undefined) return zipSizes[size as ZipSize];
  const random = createRandom(crc32(module));
  const normal = random() + random() + random() + random() - 2;
  return Math.min(3_000_000, Math.max(4000, 60_000 * Math.exp(2.2 * normal)));
}

/** The content of a file as it stands in a zip. */
interface FileBlob {
  readonly method: 0 | 8;
  readonly size: number;
  readonly crc: number;
  readonly bytes: Buffer;
}

interface Blobs {
  /** A blob for a zip that lacks so many bytes, the largest that does not overshoot it by much. */
  fitting(left: number, number: number, dense: boolean): FileBlob;
}

/** Blobs of text and of noise, of which the largest zips mostly consist. */
function createBlobs(): Blobs {
  const random = createRandom(7);
  const text = createTexts(random);
  const several = (count: number, make: () => FileBlob) => Array.from({ length: count }, make);
  const [large, middle, small] = [
    several(24, () => deflated(text(256 * 1024))),
    several(12, () => deflated(text(32 * 1024))),
    several(12, () => deflated(text(4 * 1024))),
  ];
  const noise = several(4, () => {
    const bytes = Buffer.allocUnsafeSlow(1024 * 1024);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((random() * 2 ** 32) >>> 0, at);
    return stored(bytes);
  });
  return {
    fitting(left, number, dense) {
      if (dense && number % 4 !== 0 && left > 2_000_000) return noise[number % noise.length]!;
      const choice = left > 90_000 ? large : left > 12_000 ? middle : small;
      return choice[number % choice.length]!;
    },
  };
}

/** Makes texts of so many bytes that deflate to a third, as sources do. */
export function createTexts(random: () => number): (length: number) => Buffer {
  const words = Array.from({ length: 2000 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 9) }, () => letters[Math.floor(random() * 26)]).join(''),
  );
  return (length) => {
    let made = '';
    while (made.length < length) {
      made += words[Math.floor(random() ** 3 * words.length)];
      made += random() < 0.12 ? '\n\t' : ' ';
    }
    return Buffer.from(made.slice(0, length));
  };
}

const letters = 'etaoinshrdlucmfwypvbgkqjxz';

function stored(bytes: Buffer): FileBlob {
  return { method: 0, size: bytes.length, crc: crc32(bytes), bytes };
}

function deflated(text: Buffer): FileBlob {
  return { method: 8, size: text.length, crc: crc32(text), bytes: deflateRawSync(text) };
}

/** A zip whose contents are compressed already: headers, contents, directory (APPNOTE 4.3). */
function zipParts(
  prefix: string,
  files: readonly { readonly name: string; readonly blob: FileBlob }[],
): readonly Buffer[] {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const fileName = Buffer.from(prefix + name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(blob.method, 4);
    fields.writeUInt32LE(blob.crc, 10);
    fields.writeUInt32LE(blob.bytes.length, 14);
    fields.writeUInt32LE(blob.size, 18);
    fields.writeUInt16LE(fileName.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    parts.push(Buffer.concat([Buffer.from('PK\x03\x04'), fields, fileName]), blob.bytes);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), fields, tail, fileName]));
    offset += 4 + fields.length + fileName.length + blob.bytes.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return [...parts, entries, end];
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
