import { describe, expect, test } from 'vitest';
import { named } from '../../src/config/schema.ts';
import { importsOf, readFiles } from './source.ts';

const code = ['.ts', '.tsx', '.mts', '.js', '.mjs', '.cjs', '.css', '.go', '.sh'];
const folders = ['src', 'web', 'test', 'bench', 'scripts', 'tools'];
const sources = readFiles(['src'], code);
const all = readFiles(folders, code).filter(({ name }) => !/(^|\/)(node_modules|dist)\//.test(name));

/** What must not stand in code, and where it may after all. */
interface Rule {
  readonly rule: string;
  readonly pattern: RegExp;
  /** File names, with the reason. */
  readonly except?: Readonly<Record<string, string>>;
}

const rules: readonly Rule[] = [
  {
    rule: 'the environment is read in one place',
    pattern: /\bprocess\.env\b/,
    except: { 'src/config/load.ts': 'that place' },
  },
  // Zod has a method of this name, whose argument is a schema.
  { rule: 'streams are joined by pipeline alone', pattern: /\.pipe\((?!z\.)/ },
  {
    rule: 'what is to be said goes through the log',
    pattern: /\bconsole\.(log|info|warn|error|debug|trace|table|dir)\b/,
  },
  {
    rule: 'a class is an error',
    pattern: /^\s*(export\s+)?(abstract\s+)?class\s+(?!\w+ extends \w*Error\b)/m,
  },
  { rule: 'no state of a module can change', pattern: /^(export\s+)?(let|var)\s/m },
  {
    rule: 'no collection of a module is filled by its functions',
    pattern:
      /^(export\s+)?const\s+\w+(:(?!.*\breadonly\b)[^=]+)?\s*=\s*(new\s+(Map|Set|WeakMap|WeakSet|Array)\b.*\(\)|\[\]|\{\});$/m,
    except: { 'src/stash/zip-worker.ts': 'a worker thread is a program of its own' },
  },
  { rule: 'production code knows of no tests', pattern: /\bNODE_ENV\b|\bVITEST\b/ },
  { rule: 'nothing is left for later', pattern: /\b(TODO|FIXME|XXX|HACK)\b/ },
];

describe('the files of src/', () => {
  test.each(rules)('$rule', ({ pattern, except = {} }) => {
    const breaking = sources.filter(({ text }) => pattern.test(text)).map(({ name }) => name);
    expect(breaking).toEqual(Object.keys(except));
  });

  test('a server of HTTP is opened in one file', () => {
    const imported = sources.flatMap(({ name, text }) =>
      importsOf(text)
        .filter(({ specifier }) => /^node:(http|https|http2)$/.test(specifier))
        .map(() => name),
    );
    expect([...new Set(imported)]).toEqual(['src/http/server.ts']);
  });

  test('lie at most two levels deep', () => {
    expect(sources.filter(({ name }) => name.split('/').length > 3).map(({ name }) => name)).toEqual([]);
  });

  test('are named by what they hold, not by what holds them', () => {
    const vague = /(^|[/-])(utils?|helpers?|managers?|services?|common|misc|artifacts?|packages?|index)[./-]/;
    expect(sources.filter(({ name }) => vague.test(name)).map(({ name }) => name)).toEqual([]);
  });
});

describe('the files of the project', () => {
  test('have at most 500 lines', () => {
    const long = all
      .map(({ name, text }) => ({ name, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > 500);
    expect(long).toEqual([]);
    expect(all.length).toBeGreaterThan(sources.length);
  });

  test('have names in lower case, with dashes between words', () => {
    const plain = /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.[a-z]+$/;
    const odd = all.map(({ name }) => name).filter((name) => !plain.test(name.split('/').at(-1)!));
    expect(odd).toEqual([]);
  });
});

test('every setting is read by somebody', () => {
  const readers = sources.filter(({ name }) => !name.startsWith('src/config/'));
  const text = readers.map((reader) => withoutComments(reader.text)).join('\n');
  const unread = named.filter(({ keys }) => !new RegExp(`[.{,]\\s*${keys.at(-1)}\\b`).test(text));
  expect(unread.map(({ name }) => name)).toEqual([]);
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}
