/** The names of the files in a module zip: allowed everywhere, and no two that a file system could take for one. */
import { foldKey } from './fold.ts';
import { filePathProblem } from './path.ts';
import { quote } from './quote.ts';

/**
 * Gives a function that takes one name after the other, relative to the module's root, a folder's with a slash behind
 * it, and answers what is wrong with it, alone or beside those before it.
 */
export function createNameCheck(): (file: string) => string | undefined {
  const seen = new Map<string, string>();
  return (file) => nameProblem(file) ?? collisionProblem(seen, file) ?? goModProblem(file);
}

/**
 * Notes a file, or a folder with a slash behind it, and the folders above it. Answers the first name among these that a
 * file system, perhaps one that ignores case, takes for one that was noted before, and that one.
 */
export function findCollision(
  seen: Map<string, string>,
  file: string,
): { name: string; other: string } | undefined {
  let name = file;
  while (true) {
    const isFolder = name.endsWith('/');
    const bare = isFolder ? name.slice(0, -1) : name;
    const key = foldKey(bare);
    const other = seen.get(key);
    if (other === undefined) seen.set(key, name);
    else return isFolder && other === name ? undefined : { name, other };
    const slash = bare.lastIndexOf('/');
    if (slash < 0) return undefined;
    name = bare.slice(0, slash + 1);
  }
}

function nameProblem(file: string): string | undefined {
  return filePathProblem(file.endsWith('/') ? file.slice(0, -1) : file);
}

function collisionProblem(seen: Map<string, string>, file: string): string | undefined {
  const collision = findCollision(seen, file);
  if (collision === undefined) return undefined;
  const { name, other } = collision;
  if (other === name) return 'there are two of it';
  if (other === `${name}/` || `${other}/` === name) return 'it is both a file and a folder';
  return `it differs from ${quote(other)} in case only`;
}

/** A go.mod in a folder would make the folder another module; other spellings would be one on some systems only. */
function goModProblem(file: string): string | undefined {
  const base = file.slice(file.lastIndexOf('/') + 1);
  if (base.toLowerCase() !== 'go.mod' || file === 'go.mod') return undefined;
  return base === file ? 'it must be spelled go.mod' : 'a go.mod below the root begins another module';
}
