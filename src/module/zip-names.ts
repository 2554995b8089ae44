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
  return (file) => nameProblem(file) ?? collision(seen, file) ?? goModProblem(file);
}

function nameProblem(file: string): string | undefined {
  return filePathProblem(file.endsWith('/') ? file.slice(0, -1) : file);
}

/** Notes a file and the folders above it; answers what it collides with on a file system, perhaps one that ignores case. */
function collision(seen: Map<string, string>, file: string): string | undefined {
  let name = file;
  while (true) {
    const isFolder = name.endsWith('/');
    const bare = isFolder ? name.slice(0, -1) : name;
    const key = foldKey(bare);
    const other = seen.get(key);
    if (other === undefined) seen.set(key, name);
    else if (other === name) return isFolder ? undefined : 'there are two of it';
    else if (other === `${name}/` || `${other}/` === name) return 'it is both a file and a folder';
    else return `it differs from ${quote(other)} in case only`;
    const slash = bare.lastIndexOf('/');
    if (slash < 0) return undefined;
    name = bare.slice(0, slash + 1);
  }
}

/** A go.mod in a folder would make the folder another module; other spellings would be one on some systems only. */
function goModProblem(file: string): string | undefined {
  const base = file.slice(file.lastIndexOf('/') + 1);
  if (base.toLowerCase() !== 'go.mod' || file === 'go.mod') return undefined;
  return base === file ? 'it must be spelled go.mod' : 'a go.mod below the root begins another module';
}
