import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Repositories whose public URL begins with `from` are read from where it begins with `to` in its place. */
export interface Mirror {
  readonly from: string;
  readonly to: string;
}

/** The setting of Stoa that says the same. */
export function mirrorSetting(mirrors: readonly Mirror[]): string {
  return mirrors.map(({ from, to }) => `${from}=>${to}`).join(',');
}

/** The environment in which the go command reads repositories itself, and from there; `folder` is for git's settings. */
export function goDirectEnv(folder: string, mirrors: readonly Mirror[]): Readonly<Record<string, string>> {
  const file = join(folder, 'gitconfig');
  writeFileSync(file, mirrors.map(({ from, to }) => `[url "${to}"]\n\tinsteadOf = ${from}\n`).join(''));
  return {
    GOPROXY: 'direct',
    GOSUMDB: 'off',
    GONOSUMDB: '*',
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-modcacherw',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: file,
  };
}
