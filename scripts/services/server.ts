import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerProgram {
  readonly name: string;
  readonly command: string;
  /** Its arguments, given a port on 127.0.0.1 and a folder of its own. */
  readonly args: (port: number, folder: string) => readonly string[];
  /** All that it sees of an environment, beside HOME: its folder. */
  readonly env: Readonly<Record<string, string>>;
  /** A path that answers 200 over HTTP when it is ready. */
  readonly ready: string;
}

/** A server that runs. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly pid: number;
  /** Ends it with SIGKILL and starts it again, over the same folder and on the same port. */
  restart(): Promise<void>;
  /** Ends it with SIGKILL; its folder stays. */
  kill(): Promise<void>;
}

/** How long a server may take until it answers, in milliseconds. */
const patienceMs = 60_000;

/** Starts a server on a free port of 127.0.0.1, in a temporary folder that goes with it; fulfilled when it answers. */
export async function startProgram(program: ServerProgram): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), `${program.name}-`));
  const port = await freePort();
  let running = await run(program, port, folder);

  async function kill(): Promise<void> {
    await running.end();
  }

  return {
    port,
    folder,
    get pid() {
      return running.pid;
    },
    async restart() {
      await kill();
      running = await run(program, port, folder);
    },
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function run(program: ServerProgram, port: number, folder: string) {
  const child = spawn(program.command, program.args(port, folder), {
    env: { ...program.env, HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const listen = (text: string) => {
    said = (said + text).slice(-10_000);
  };
  child.stdout.setEncoding('utf8').on('data', listen);
  child.stderr.setEncoding('utf8').on('data', listen);
  const closed = once(child, 'close');
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  closed.finally(() => process.off('exit', kill));

  const end = async () => {
    kill();
    await closed;
  };
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const url = `http://127.0.0.1:${port}${program.ready}`;
  for (const start = Date.now(); !(await answers(url)); await sleep(20)) {
    if (isRunning() && Date.now() - start < patienceMs) continue;
    await end();
    throw new Error(`${program.name} did not get ready:\n${said}`);
  }
  return { pid: child.pid!, end };
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
