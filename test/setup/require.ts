import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Where a program that tests need is, from PATH. Undefined, and a line that says so, where this machine lacks it: the
 * tests that need it are then skipped. With CI=true its absence is an error.
 */
export function requireTool(name: string): string | undefined {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
  if (found !== undefined) return found;
  if (process.env.CI === 'true')
    throw new Error(`${name} is not on PATH, and with CI=true nothing is skipped`);
  process.stderr.write(`skipped: ${name} is not on PATH\n`);
  return undefined;
}

/**
 * What `make` makes of a server that tests need, such as the path of its program. Undefined, and a line that says so, where
 * this machine cannot have it: the tests that need it are then skipped. With CI=true that is an error.
 */
export async function requireServer<T>(name: string, make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write(`skipped: ${name} cannot be had here: ${String(error).split('\n', 1)[0]}\n`);
    return undefined;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
