import { StoaError } from '../errors.ts';
import { named, RefusedError, remoteFailure, saidFailure } from './git-failure.ts';
import { isHash, isRefName } from './git-names.ts';
import { createPacketReader, formatRequest, type Packet, textOf } from './git-packet.ts';
import type { GitTransport } from './git-transport.ts';
import type { Remote } from './remote.ts';
import type { Run } from './run.ts';

/** A connection to a remote that speaks version 2 of git's protocol (gitprotocol-v2(5)). It answers one request at a time. */
export interface GitSession {
  /** The remote keeps what it told of its refs, and tells them again without looking. */
  readonly isStream: boolean;
  /** Whether it may be asked to leave objects out. */
  readonly canFilter: boolean;
  /** The lines about `HEAD`, branches and tags; of annotated tags also where they lead. */
  refs(signal: AbortSignal): Promise<readonly RefLine[]>;
  /**
   * The bytes of a pack with what the arguments of the request ask for, to be read to their end. A piece is valid only until
   * the next is asked for. Throws RefusedError where the remote does not have it, or does not give it.
   */
  fetch(args: readonly string[], signal: AbortSignal): AsyncGenerator<Buffer>;
  /** False once it failed, was aborted or closed. */
  readonly isOpen: boolean;
  close(): void;
}

interface RefLine {
  readonly name: string;
  /** What the ref itself names: for an annotated tag the object of the tag. */
  readonly hash: string;
  /** Where an annotated tag leads. */
  readonly peeled?: string;
}

/** The remote speaks an older version of the protocol. */
export class OldProtocolError extends Error {}

/** Bytes of lines that one answer may have beside a pack; those of half a million refs. */
const maxLineBytes = 64 * 1024 * 1024;

export interface SessionOptions {
  readonly run: Run;
  readonly transport: GitTransport;
  /** Milliseconds without a byte of an answer after which the connection is given up. */
  readonly stallMs: number;
  /** Ends the connection. */
  readonly life: AbortSignal;
}

/** Connects, unless the signal is aborted before. Throws OldProtocolError where the remote speaks no version 2. */
export async function openSession(
  remote: Remote,
  { run, transport, stallMs, life }: SessionOptions,
  signal: AbortSignal,
): Promise<GitSession> {
  const isHelper = transport.kind === 'helper';
  const end = new AbortController();
  let isOpen = true;

  function close(): void {
    isOpen = false;
    end.abort();
  }

  /** Closes the connection on abort, until it is disposed of. */
  function closeOn(signal: AbortSignal): Disposable {
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    return { [Symbol.dispose]: () => signal.removeEventListener('abort', close) };
  }

  using _ = closeOn(signal);
  const process = await run.start(transport.command, AbortSignal.any([end.signal, life]));
  void process.ended.then(close);
  const pieces = process.stdout[Symbol.asyncIterator]();
  const packets = createPacketReader(async () => {
    const stalled = new StoaError('timeout', `no answer for ${Math.round(stallMs / 1000)} s`);
    const timer = setTimeout(() => process.stop(stalled), stallMs);
    try {
      const piece: IteratorResult<Buffer, undefined> = await pieces.next();
      return piece.value;
    } catch {
      // It was closed, and `ended` tells why.
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  });

  /** What the work gives. A failure ends the connection, since nobody knows what comes next on it. */
  async function answering<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    using _ = closeOn(signal);
    try {
      return await work();
    } catch (error) {
      close();
      throw error;
    }
  }

  async function next(): Promise<Packet> {
    const packet = await packets.next();
    if (packet === 'malformed') throw misspoken();
    if (packet === undefined) throw remoteFailure(remote, await process.ended);
    if (typeof packet !== 'string' && packet.subarray(0, 4).equals(errorMark)) {
      const said = textOf(packet).slice('ERR '.length);
      if (/not our ref|not valid|filter/i.test(said)) throw new RefusedError(said);
      throw saidFailure(remote, said);
    }
    return packet;
  }

  /** A mark or a line of an answer; `before` are the bytes of the lines before it. */
  async function nextLine(before: number): Promise<Packet> {
    const packet = await next();
    if (before + packet.length > maxLineBytes)
      throw named(remote, 'upstream', 'its answer does not end; it may have too many branches and tags');
    return packet;
  }

  /** The lines up to the next mark. */
  async function lines(): Promise<string[]> {
    const found: string[] = [];
    for (let bytes = 0; ; ) {
      const packet = await nextLine(bytes);
      if (typeof packet === 'string') return found;
      bytes += packet.length;
      found.push(textOf(packet));
    }
  }

  async function connect(): Promise<ReadonlyMap<string, string>> {
    if (isHelper) {
      process.stdin.write('stateless-connect git-upload-pack\n');
      const answer = await packets.take(1);
      if (answer === undefined) throw remoteFailure(remote, await process.ended);
      // Else it says `fallback`.
      if (answer.toString() !== '\n') throw new OldProtocolError();
    }
    const [version, ...capabilities] = await lines();
    if (version !== 'version 2') throw new OldProtocolError();
    return new Map(capabilities.map((line) => [line.split('=', 1)[0]!, line.replace(/^[^=]*=?/, '')]));
  }

  async function endAnswer(): Promise<void> {
    if (isHelper && (await next()) !== 'end') throw misspoken();
  }

  function misspoken(packet?: Packet): StoaError {
    const broken = 'it broke off in the middle of an answer';
    return named(
      remote,
      'upstream',
      packet === 'end' ? broken : 'what answers there does not speak the protocol of git',
    );
  }

  const capabilities = await answering(signal, connect);
  const format = `object-format=${capabilities.get('object-format') ?? 'sha1'}`;

  async function readRefs(): Promise<RefLine[]> {
    const args = ['peel', 'ref-prefix HEAD', 'ref-prefix refs/heads/', 'ref-prefix refs/tags/'];
    process.stdin.write(formatRequest(['command=ls-refs', format], args));
    const refs = (await lines()).map(parseRef).filter((ref) => ref !== undefined);
    await endAnswer();
    return refs;
  }

  /** The sections of the answer before the pack say nothing that the arguments do not. */
  async function skipToPack(): Promise<void> {
    for (let bytes = 0; ; ) {
      const packet = await nextLine(bytes);
      if (packet === 'flush' || packet === 'end') throw misspoken(packet);
      if (packet !== 'delimiter' && textOf(packet) === 'packfile') return;
      bytes += packet.length;
    }
  }

  async function* readPack(): AsyncGenerator<Buffer> {
    await skipToPack();
    // Most packets have 8 KiB, and whatever is done with a piece costs more than to copy it.
    const block = Buffer.allocUnsafeSlow(packBlockBytes);
    let filled = 0;
    for (let packet = await next(); packet !== 'flush'; packet = await next()) {
      if (typeof packet === 'string') throw misspoken(packet);
      if (packet[0] === bands.failure) throw saidFailure(remote, textOf(packet.subarray(1)));
      if (packet[0] !== bands.data) continue;
      if (filled + packet.length - 1 > packBlockBytes) {
        yield block.subarray(0, filled);
        filled = 0;
      }
      filled += packet.copy(block, filled, 1);
    }
    if (filled > 0) yield block.subarray(0, filled);
    await endAnswer();
  }

  return {
    isStream: !isHelper,
    canFilter: capabilities.get('fetch')?.split(' ').includes('filter') ?? false,
    refs: (signal) => answering(signal, readRefs),
    async *fetch(args, signal) {
      using _ = closeOn(signal);
      let isWhole = false;
      try {
        process.stdin.write(formatRequest(['command=fetch', format], [...args, 'done']));
        yield* readPack();
        isWhole = true;
      } finally {
        if (!isWhole) close();
      }
    },
    get isOpen() {
      return isOpen;
    },
    close,
  };
}

/** What a packet of a pack's section holds (gitprotocol-pack(5), "side-band-64k"); the third is for people to read. */
const bands = { data: 1, failure: 3 };

/** Of a pack, passed on at once; at least the largest packet. */
const packBlockBytes = 128 * 1024;

const errorMark = Buffer.from('ERR ');

/** Undefined for a line about anything but `HEAD`, a branch or a tag of a name that git allows. */
function parseRef(line: string): RefLine | undefined {
  const [hash = '', name = '', ...attributes] = line.split(' ');
  if (!isRefName(name) || !isHash(hash)) return undefined;
  const peeled = attributes.find((attribute) => attribute.startsWith('peeled:'))?.slice('peeled:'.length);
  return { name, hash, ...(peeled !== undefined && isHash(peeled) && { peeled }) };
}
