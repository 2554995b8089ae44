import { posix } from 'node:path';
import { modulePath } from '../module/modfile.ts';
import { splitPathVersion } from '../module/path.ts';
import { quote } from '../module/quote.ts';
import { major } from '../module/semver.ts';
import type { ModulePlace } from './module-place.ts';

/** The folder of a module at a commit. */
export interface ModuleDir {
  /** `''` for the repository's root, else without slashes around it. */
  readonly dir: string;
  /** Its go.mod; absent where the repository has none and one is made up (section "Re: module paths" in modfetch/repo.go). */
  readonly goMod?: Uint8Array;
}

/**
 * Finds the folder of a module at a commit, as codeRepo.findDir does (cmd/go/internal/modfetch/coderepo.go): a module of
 * version 2 or higher is in its folder or in `vN` below it, whichever has a go.mod of that major version; never in both.
 * Only the major version in that go.mod counts, so that forks are found. `read` gives a file of the commit, undefined
 * where there is none; `revision` and `version` are for the problem, which is told in the words of the go command.
 */
export async function findModuleDir(
  place: ModulePlace,
  read: (file: string) => Promise<Uint8Array | undefined>,
  revision: string,
  version: string,
): Promise<ModuleDir | { readonly problem: string }> {
  const { root, pathPrefix, pathMajor, codeDir } = place;
  const problem = (text: string) => ({ problem: `${text} at revision ${revision}` });
  const mayBeBelow = pathMajor.startsWith('/') && root !== place.path;
  const dirBelow = posix.join(codeDir, pathMajor.slice(1));
  const [file, fileBelow] = [posix.join(codeDir, 'go.mod'), posix.join(dirBelow, 'go.mod')];
  const [goMod, goModBelow] = await Promise.all([read(file), mayBeBelow ? read(fileBelow) : undefined]);
  const declared = goMod && declaredPath(goMod);
  const fits = goMod !== undefined && (isMajor(declared, pathMajor) || isOldGopkgIn(declared, pathMajor));

  if (goModBelow !== undefined) {
    const declaredBelow = declaredPath(goModBelow);
    if (isMajor(declaredBelow, pathMajor)) {
      if (!fits) return { dir: dirBelow, goMod: goModBelow };
      const both = `${pathPrefix}/${file} and ...${pathMajor}/go.mod both have ...${pathMajor} module paths`;
      return problem(both);
    }
    if (declaredBelow === undefined) return problem(`${root}/${fileBelow} is missing module path`);
    return problem(`${root}/${fileBelow} has non-...${pathMajor} module path ${quote(declaredBelow)}`);
  }

  if (fits) return { dir: codeDir, goMod };
  const below = mayBeBelow ? ` (and ...${pathMajor}/go.mod does not exist)` : '';
  if (goMod !== undefined) return problem(`${wrongPath(file, declared, pathMajor, version)}${below}`);
  if (codeDir === '' && !pathMajor.startsWith('/')) return { dir: '' };
  return problem(`missing ${pathPrefix}/go.mod${mayBeBelow ? ` and ...${pathMajor}/go.mod` : ''}`);
}

/** The go.mod that stands for the missing one of a module (modfetch.LegacyGoMod). */
export function madeUpGoMod(path: string): Buffer {
  return Buffer.from(`module ${path}\n`);
}

function declaredPath(goMod: Uint8Array): string | undefined {
  return modulePath(Buffer.from(goMod.buffer, goMod.byteOffset, goMod.byteLength).toString());
}

function wrongPath(file: string, declared: string | undefined, pathMajor: string, version: string): string {
  if (declared === undefined) return `${file} is missing module path`;
  if (pathMajor !== '') return `${file} has non-...${pathMajor} module path ${quote(declared)}`;
  if (splitPathVersion(declared) === undefined) return `${file} has malformed module path ${quote(declared)}`;
  return `${file} has post-${major(version)} module path ${quote(declared)}`;
}

/** True where the versions of a module that declares this path may be those of one with this major version in its path. */
function isMajor(declared: string | undefined, pathMajor: string): boolean {
  const declaredMajor = declared === undefined ? undefined : splitPathVersion(declared)?.major;
  if (declaredMajor === undefined) return false;
  return declaredMajor.slice(1) === pathMajor.slice(1);
}

/** Old go commands took every module of gopkg.in for one without a major version (golang.org/issue/34254). */
function isOldGopkgIn(declared: string | undefined, pathMajor: string): boolean {
  return pathMajor === '' && declared?.startsWith('gopkg.in/') === true;
}
