import { StoaError } from '../errors.ts';
import { quote } from '../module/quote.ts';
import { checkModuleVersion, formatModuleVersion, type ModuleVersion } from '../module/version.ts';
import { maxZipBytes } from '../module/zip.ts';
import {
  createSizeCheck,
  filesBelow,
  lacksLicence,
  selectFiles,
  type TreeFile,
} from '../module/zip-files.ts';
import { type ContentSink, createTarReader, discard, type TarEntry } from './tar.ts';
import { createZipBuilder } from './zip-build.ts';

/** Which zip is to be made. */
export interface ZipOrder {
  readonly version: ModuleVersion;
  /** Of the module in its repository, `''` for the root. */
  readonly folder: string;
  /**
   * The go.mod in that folder, where there is one, with the text it has in the archive: attributes can change it, and
   * the go version it names decides about vendored packages.
   */
  readonly goMod?: Uint8Array | undefined;
  /** The LICENSE of the repository's root, where there is one; it goes in where `lacksLicence` says so. */
  readonly licence?: Uint8Array | undefined;
  /** The most that the files may have together, and the zip; above `maxZipBytes` it is that. */
  readonly maxBytes: number;
}

/** What was made. */
export interface WrittenZip {
  readonly h1: string;
  /** Bytes of the zip. */
  readonly size: number;
}

/**
 * The making of one zip: `list` any number of times, `select`, `write` any number of times, `finish`. All throw
 * `integrity` for a tree that is no module, or an archive that is not of this tree; that ends the job.
 */
export interface ZipWriteJob {
  /** Adds to the files of the repository's tree. */
  list(files: readonly TreeFile[]): void;
  /** Decides which of them go in. */
  select(): void;
  /**
   * Takes bytes of a tar archive of the tree, and gives in their memory, which must hold nothing else, those of the zip that
   * follow from them; what has no room there comes later.
   */
  write(chunk: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /** The last bytes of the zip, and what it became. */
  finish(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly zip: WrittenZip };
}

/** A job that waits for its list of files. Throws `malformed` for what is no module version. */
export function createZipWriteJob(order: ZipOrder): ZipWriteJob {
  const { version, folder, goMod, licence } = order;
  checkModuleVersion(version.path, version.version);
  const subject = formatModuleVersion(version);
  const prefix = folder === '' ? '' : `${folder}/`;
  const maxBytes = Math.min(order.maxBytes, maxZipBytes);
  const sizeProblem = createSizeCheck(maxBytes);
  const tree: TreeFile[] = [];
  const omitted = new Set<string>();
  /** Files that go in and did not come yet. */
  const awaited = new Set<string>();
  let addsLicence = false;
  let size = 0;
  /** Bytes of the zip that nobody took yet; the memory is used again. */
  let pending = Buffer.allocUnsafeSlow(64 * 1024);
  let pendingLength = 0;

  const builder = createZipBuilder(version, (bytes) => {
    size += bytes.length;
    if (size > maxBytes) fail(`module zip file is too large (limit is ${maxBytes} bytes)`);
    const end = pendingLength + bytes.length;
    if (end > pending.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, 2 * pending.length));
      pending.copy(larger, 0, 0, pendingLength);
      pending = larger;
    }
    pending.set(bytes, pendingLength);
    pendingLength = end;
  });
  const tar = createTarReader(subject, sinkOf);

  function fail(problem: string): never {
    throw new StoaError('integrity', `${subject}: create zip: ${problem}`);
  }

  function sinkOf({ name, type, size }: TarEntry): ContentSink {
    const file = name.slice(prefix.length);
    if (type === 'folder' || !name.startsWith(prefix) || omitted.has(file)) return discard;
    if (!awaited.delete(file)) fail(`the archive has ${quote(file)} once more than the tree`);
    if (type !== 'file') fail(`${quote(file)} is a file in the tree and a link in the archive`);
    checkSize(file, size);
    return builder.open(file, size);
  }

  function checkSize(file: string, size: number): void {
    const problem = sizeProblem(file, size);
    if (problem !== undefined) fail(problem);
  }

  /** As much as there is room for. */
  function takePending(into: ArrayBuffer): Uint8Array<ArrayBuffer> {
    const taken = Math.min(pendingLength, into.byteLength);
    const bytes = new Uint8Array(into, 0, taken);
    bytes.set(pending.subarray(0, taken));
    pending.copyWithin(0, taken, pendingLength);
    pendingLength -= taken;
    return bytes;
  }

  return {
    list(files) {
      for (const file of filesBelow(files, folder)) tree.push(file);
    },

    select() {
      addsLicence = licence !== undefined && lacksLicence(tree, folder);
      const whole = addsLicence ? [...tree, rootLicence] : tree;
      const { included, problems } = selectFiles(whole, goMod);
      if (problems.length > 0) fail(shorten(problems));
      for (const file of included) awaited.add(file);
      for (const { name } of tree) if (!awaited.has(name)) omitted.add(name);
      if (addsLicence) awaited.delete(rootLicence.name);
    },

    write(chunk) {
      tar.push(chunk);
      return takePending(chunk.buffer);
    },

    finish() {
      tar.finish();
      if (licence !== undefined && addsLicence) {
        checkSize(rootLicence.name, licence.length);
        const sink = builder.open(rootLicence.name, licence.length);
        sink.content(licence);
        sink.end();
      }
      for (const file of awaited) fail(`the archive lacks ${quote(file)}`);
      const zip = builder.finish();
      return { bytes: takePending(new ArrayBuffer(pendingLength)), zip };
    },
  };
}

const rootLicence: TreeFile = { name: 'LICENSE', kind: 'file' };

/** Enough for a terminal. */
function shorten(problems: readonly string[]): string {
  const more = problems.length > 3 ? [`and ${problems.length - 3} more`] : [];
  return [...problems.slice(0, 3), ...more].join('; ');
}
