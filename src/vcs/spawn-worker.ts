// The program of the process that starts programs for launch.ts, and ends with who started it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What it is told to start. */
export interface StartMessage {
  readonly id: number;
  /** Where the other ends of the program's standard streams are waited for. */
  readonly socket: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** What it tells about one of the programs. */
export type SpawnMessage =
  /** It runs, in a process group of this number. */
  | { readonly id: number; readonly group: number }
  /** It could not be started. */
  | { readonly id: number; readonly failed: string }
  /** It ended; null after a signal. */
  | { readonly id: number; readonly code: number | null };

function serve(): void {
  const groups = new Set<number>();

  async function start({ id, socket, program, args, env, cwd }: StartMessage): Promise<void> {
    const streams = await Promise.all([0, 1, 2].map((stream) => open(socket, `${id} ${stream}\n`)));
    // A group of its own, so that whatever the program starts can be ended with it.
    const child = spawn(program, args, { env, cwd, detached: true, stdio: streams });
    for (const stream of streams) stream.destroy();
    await once(child, 'spawn');
    const group = child.pid!;
    groups.add(group);
    tell({ id, group });
    child.once('exit', (code) => {
      groups.delete(group);
      kill(group);
      tell({ id, code });
    });
  }

  process.on('message', (message: StartMessage) => {
    start(message).catch((error: Error) => tell({ id: message.id, failed: error.message }));
  });
  process.on('disconnect', () => {
    for (const group of groups) kill(group);
    process.exit();
  });
  // They are for who started this process, and who tells it to end when its work is done.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
}

async function open(socket: string, greeting: string): Promise<Socket> {
  const stream = connect(socket);
  // What breaks is seen by who waits for it.
  stream.on('error', () => undefined);
  await once(stream, 'connect');
  await new Promise<void>((resolve, reject) => {
    stream.write(greeting, (error) => (error ? reject(error) : resolve()));
  });
  return stream;
}

function tell(message: SpawnMessage): void {
  if (process.connected) process.send!(message);
}

function kill(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // They are all gone.
  }
}

serve();
