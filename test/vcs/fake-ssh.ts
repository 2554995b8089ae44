import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** An `ssh` that runs its command on this machine and notes what it was told. */
export interface FakeSsh {
  /** A PATH in which it comes first. */
  readonly path: string;
  /** The arguments of the last call. */
  arguments(): Promise<string[]>;
}

/**
 * Puts it into a folder. It passes GIT_PROTOCOL on, or does not, as servers are set up by default. The command is its last
 * argument, unless it is told.
 */
export async function openFakeSsh(
  folder: string,
  { passesProtocol = true, command = '$command' } = {},
): Promise<FakeSsh> {
  await mkdir(folder, { recursive: true });
  const program = join(folder, 'ssh');
  const script = `#!/bin/sh
printf '%s\\n' "$@" >"\${0%/*}/arguments"
for command; do :; done
${passesProtocol ? '' : 'unset GIT_PROTOCOL\n'}exec sh -c "${command}"
`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  return {
    path: `${folder}:${process.env.PATH}`,
    arguments: async () => (await readFile(join(folder, 'arguments'), 'utf8')).trimEnd().split('\n'),
  };
}
