import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunningServer, startProgram } from './server.ts';
import { buildTool } from './tool.ts';

/** A MinIO that runs: an S3 store. */
export interface Minio extends RunningServer {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Uploads in parts that were neither completed nor given up, as they lie in its folder. */
  unfinishedUploads(): Promise<readonly string[]>;
}

/** The program, built where it is not yet. */
export function buildMinio(): Promise<string> {
  return buildTool('minio', 'github.com/minio/minio');
}

export async function startMinio(command: string): Promise<Minio> {
  const [accessKeyId, secretAccessKey] = ['stoa-test', 'not-a-secret'];
  const server = await startProgram({
    name: 'minio',
    command,
    args: (port, folder) => ['server', folder, '--address', `127.0.0.1:${port}`, '--json'],
    env: {
      MINIO_ROOT_USER: accessKeyId,
      MINIO_ROOT_PASSWORD: secretAccessKey,
      MINIO_BROWSER: 'off',
      // It would ask its makers for a newer version, and refuse the disk of the system.
      MINIO_UPDATE: 'off',
      MINIO_CI_CD: '1',
    },
    ready: '/minio/health/ready',
  });
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    endpoint: `http://127.0.0.1:${server.port}`,
    accessKeyId,
    secretAccessKey,
    async unfinishedUploads() {
      const folder = join(server.folder, '.minio.sys', 'multipart');
      const objects = await readdir(folder).catch(() => []);
      // The folder of an object stays when its uploads are gone.
      const uploads = objects.map(async (object) =>
        (await readdir(join(folder, object))).map((upload) => `${object}/${upload}`),
      );
      return (await Promise.all(uploads)).flat();
    },
  };
}
