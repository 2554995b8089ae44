import { readFileSync } from 'node:fs';
import { exitCodes, type Invocation } from './command.ts';

/** The version of Stoa, as `1.2.3`. */
export function stoaVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** `stoa version` */
export function showVersion({ args, out, err }: Invocation): number {
  if (args.length > 0) {
    err(`stoa version: unexpected argument ${JSON.stringify(args[0])}`);
    return exitCodes.usage.code;
  }
  out(`stoa ${stoaVersion()} (node ${process.version}, ${process.platform}-${process.arch})`);
  return exitCodes.ok.code;
}

/** `-version` with one dash: in the words of Athens, which scripts may read. */
export function showBuildDetails({ out }: Invocation): number {
  out(`Build Details:\n\tVersion:\tv${stoaVersion()}`);
  return exitCodes.ok.code;
}
