import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openOwnFolder } from './own-folder.ts';
import type { SpawnMessage, StartMessage } from './spawn-worker.ts';

/** A program that was started. */
interface Launched {
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Its exit status, null after a signal; never rejected. */
  readonly exited: Promise<number | null>;
  /** Ends it and all that it started. */
  kill(): void;
}

/**
 * Starts programs by way of a small process of its own. To start one, a process is copied first, its page tables at
 * least: of a server that holds much in memory that takes many milliseconds, in which it answers nobody. The programs are
 * connected with this process directly; what they started ends with them, and all end when this process does.
 */
export interface Launcher {
  /** Throws where the program cannot be started. */
  launch(what: Omit<StartMessage, 'id' | 'socket'>): Promise<Launched>;
  /** Ends the process that starts others, and all of these. The next `launch` starts another. */
  close(): Promise<void>;
}

/** A program between being ordered and being connected. */
interface Ordered {
  /** Standard input, output and error, as far as they are connected. */
  readonly streams: Socket[];
  readonly started: PromiseWithResolvers<number>;
  readonly connected: PromiseWithResolvers<void>;
  readonly exited: PromiseWithResolvers<number | null>;
}

interface Spawner {
  readonly child: ChildProcess;
  /** Where the streams of its programs are waited for. */
  readonly socket: string;
  readonly orders: Map<number, Ordered>;
}

export function createLauncher(): Launcher {
  let spawner: Promise<Spawner> | undefined;
  let count = 0;

  function ready(): Promise<Spawner> {
    if (spawner !== undefined) return spawner;
    const starting = start();
    spawner = starting;
    const forget = (): void => {
      if (spawner === starting) spawner = undefined;
    };
    starting.then(({ child }) => once(child, 'exit')).then(forget, forget);
    return starting;
  }

  return {
    async launch(what) {
      const { child, orders, socket } = await ready();
      if (!child.connected) throw new Error(ending);
      const id = ++count;
      const order: Ordered = {
        streams: [],
        started: Promise.withResolvers(),
        connected: Promise.withResolvers(),
        exited: Promise.withResolvers(),
      };
      orders.set(id, order);
      // While something is awaited, this process does not end.
      child.channel?.ref();
      const forget = (): void => {
        orders.delete(id);
        if (orders.size === 0) child.channel?.unref();
      };
      // Not through its arguments: what it is told may be secret.
      child.send({ ...what, id, socket } satisfies StartMessage);
      let group: number;
      try {
        // It may have exited before its streams are connected.
        [group] = await Promise.all([order.started.promise, order.connected.promise]);
      } catch (error) {
        forget();
        throw error;
      }
      let isOver = false;
      const exited = order.exited.promise.finally(() => {
        isOver = true;
        forget();
      });
      const [stdin, stdout, stderr] = order.streams as [Socket, Socket, Socket];
      // A program that reads no more must not end it here: a pipeline that is still to write would wait for ever.
      stdin.allowHalfOpen = true;
      void exited.then(() => stdin.destroy());
      return {
        stdin,
        stdout,
        stderr,
        exited,
        kill() {
          // Its number may be another's by then.
          if (!isOver) killGroup(group);
        },
      };
    },
    async close() {
      const closing = await spawner?.catch(() => undefined);
      spawner = undefined;
      if (closing === undefined) return;
      const ended = once(closing.child, 'exit');
      // Nothing else may be left that this process waits for.
      closing.child.ref();
      closing.child.disconnect();
      await ended;
    },
  };
}

const ending = 'the process that starts programs has ended';
const program = fileURLToPath(new URL(`./spawn-worker${extname(import.meta.url)}`, import.meta.url));

async function start(): Promise<Spawner> {
  const orders = new Map<number, Ordered>();
  const folder = await openOwnFolder({
    name: 'run',
    connected: (stream) => connectStream(stream, orders),
  });
  // It waits for no signal of a terminal's, and is told by the end of its channel that this process has ended.
  const child = spawn(process.execPath, [program], {
    env: {},
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.on('message', (message: SpawnMessage) => {
    const order = orders.get(message.id);
    if (order !== undefined) heed(message, order);
  });
  const clear = (): void => {
    folder.close().catch(() => undefined);
    for (const order of orders.values()) lose(order);
  };
  // It could not be started; or it could not be told something, and its exit is not far.
  child.on('error', () => child.pid === undefined && clear());
  child.once('exit', clear);
  child.unref();
  child.channel?.unref();
  await once(child, 'spawn');
  return { child, socket: folder.socket, orders };
}

/** Hands a stream to the program that says, in its first line, that it is one of its own. */
function connectStream(stream: Socket, orders: ReadonlyMap<number, Ordered>): void {
  // Whoever uses a stream learns of its end, and why a program ended, from the program's end.
  stream.on('error', () => undefined);
  let line = '';
  const read = (): void => {
    for (let byte: Buffer | null = stream.read(1); byte !== null; byte = stream.read(1)) {
      if (byte[0] !== 0x0a) {
        line += byte.toString('latin1');
        continue;
      }
      stream.off('readable', read);
      const [id, place] = line.split(' ').map(Number) as [number, number];
      const order = orders.get(id);
      if (order === undefined) stream.destroy();
      else order.streams[place] = stream;
      if (order?.streams.filter(Boolean).length === 3) order.connected.resolve();
      return;
    }
  };
  stream.on('readable', read);
}

function heed(message: SpawnMessage, order: Ordered): void {
  if ('group' in message) order.started.resolve(message.group);
  else if ('code' in message) order.exited.resolve(message.code);
  else fail(order, message.failed);
}

/** The process that started it is gone; so is what it ran, unless it was killed. */
function lose(order: Ordered): void {
  order.started.promise.then(killGroup, () => undefined);
  fail(order, ending);
}

function fail(order: Ordered, why: string): void {
  order.started.reject(new Error(why));
  order.connected.reject(new Error(why));
  order.exited.resolve(null);
  for (const stream of order.streams) stream?.destroy();
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // They are all gone.
  }
}
