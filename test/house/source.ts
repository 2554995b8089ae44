import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file of the project; `name` is relative to its root, with slashes. */
export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

/** One import or re-export of a file, as it is written. */
export interface Import {
  readonly specifier: string;
  /** `type`: gone at run time. `lazy`: loaded when it is reached. */
  readonly kind: 'value' | 'type' | 'lazy';
}

/** The files below these folders whose names end in one of the endings, in order of their names; a folder that is not there has none. */
export function readFiles(folders: readonly string[], endings: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => namesBelow(folder))
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }));
}

/** What a file imports, in any of the forms of the language. */
export function importsOf(text: string): Import[] {
  const fixed = [...text.matchAll(fixedImport)].map(
    ([, type, specifier]): Import => ({
      specifier: specifier!,
      kind: type === undefined ? 'value' : 'type',
    }),
  );
  const lazy = [...text.matchAll(lazyImport)].map(
    ([, specifier]): Import => ({ specifier: specifier!, kind: 'lazy' }),
  );
  return [...fixed, ...lazy];
}

/** Formatted code, as biome leaves it, has each import at the beginning of a line and single quotes around the specifier. */
const fixedImport = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\bfrom\s+)?'([^']+)'/gm;
const lazyImport = /\bimport\(\s*'([^']+)'/g;

function namesBelow(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: folder !== '.', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
