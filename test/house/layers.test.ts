import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Import, importsOf, readFiles } from './source.ts';

/** What one part of `src/` may import: whole parts (`module`), or single files of a part (`net/address.ts`). */
interface Layer {
  readonly imports: readonly string[];
  /** As types only. */
  readonly types?: readonly string[];
  /** Only when it is reached. */
  readonly lazily?: readonly string[];
}

/** The table of the design: imports point down only. What a row has beyond it says why. */
const layers: Readonly<Record<string, Layer>> = {
  'errors.ts': { imports: [] },
  observe: { imports: ['errors.ts'] },
  module: { imports: ['errors.ts'] },
  // What several wait for, and how a wait ends: every part from storage up needs the same.
  work: { imports: ['errors.ts'] },
  net: { imports: ['errors.ts', 'observe', 'module'] },
  storage: { imports: ['errors.ts', 'observe', 'module', 'work'] },
  vcs: { imports: ['errors.ts', 'observe', 'module', 'work'] },
  catalog: {
    imports: [
      'errors.ts',
      'observe',
      'module',
      'work',
      // Its outbox is kept as the store keeps unfinished files: a killed process is told by its name, and writes pass the gate.
      'storage/processes.ts',
    ],
    types: ['storage/pool-gate.ts'],
  },
  // Never storage: what is fetched goes into the spool of the caller.
  fetch: { imports: ['errors.ts', 'observe', 'module', 'work', 'net', 'vcs'] },
  sumdb: { imports: ['errors.ts', 'observe', 'module', 'work', 'net', 'storage'] },
  stash: { imports: ['errors.ts', 'observe', 'module', 'work', 'storage', 'fetch', 'sumdb', 'catalog'] },
  // Never the stash itself: no download path can skip what app.ts puts around it.
  protocol: { imports: ['errors.ts', 'module'], types: ['stash/modules.ts'] },
  http: { imports: ['errors.ts', 'observe', 'module', 'protocol'], types: ['stash/modules.ts'] },
  config: {
    imports: [
      'errors.ts',
      // The syntax of GOPROXY belongs to whoever walks such a list, that of GOVCS and of rewrites to whoever obeys them.
      'fetch/route-list.ts',
      'fetch/govcs.ts',
      'fetch/rewrite.ts',
      // So does that of GOSUMDB, and the key of our own database is what signs it.
      'sumdb/database-list.ts',
      'sumdb/ledger-signer.ts',
      // Trusted networks are written as the guard reads them, and which hosts a netrc file names is what Athens serves with it.
      'net/address.ts',
      'net/netrc.ts',
      // What the key of a GitHub App is, the start tells.
      'net/app-key.ts',
    ],
    // The values of settings are of the types of those who take them.
    types: ['fetch/route.ts', 'net/credentials.ts', 'sumdb/note.ts'],
  },
  cli: {
    imports: ['errors.ts', 'observe', 'config'],
    // `stoa serve` alone needs the server, and only when the settings are right; `stoa doctor` the way to the sources,
    // `stoa ledger` its own part.
    lazily: [
      'app.ts',
      'sources/examine.ts',
      'catalog/read-catalog.ts',
      'stores/open.ts',
      'sumdb/ledger-signer.ts',
      'sumdb/ledger-verify.ts',
      'verification.ts',
    ],
    // What it reads, in a few words.
    types: ['catalog/catalog.ts', 'verification.ts', 'stash/inspect.ts'],
  },
  // What `app.ts` knows of the way out, which `stoa doctor` goes too.
  sources: {
    imports: ['errors.ts', 'observe', 'module', 'net', 'vcs', 'fetch', 'sumdb', 'config'],
    // Where the checksum databases keep what they proved is handed in.
    types: ['storage/store.ts'],
  },
  // The store of the settings. A remote one is reached through the proxy and with the authorities that the sources are.
  stores: {
    imports: ['errors.ts', 'observe', 'module', 'net', 'storage', 'sources/outside.ts', 'config'],
  },
  // What `stoa verify` takes of what `app.ts` takes for the server.
  'verification.ts': {
    imports: [
      'errors.ts',
      'storage',
      'catalog',
      'fetch',
      'sources',
      'stash',
      'stores',
      'sumdb',
      'observe',
      'cli/version.ts',
    ],
    types: ['config/schema.ts', 'module/version.ts', 'net/client.ts'],
  },
  'app.ts': {
    imports: [
      'errors.ts',
      'observe',
      'module',
      'net',
      'storage',
      'catalog',
      'fetch',
      'sources',
      'stores',
      'sumdb',
      'stash',
      'protocol',
      'http',
      'config',
      // The number that `stoa version` prints.
      'cli/version.ts',
      // A temporary folder that is removed also when its process was killed.
      'vcs/own-folder.ts',
    ],
    // What `stoa serve` wants of a server that runs.
    types: ['cli/serve.ts'],
  },
  // The table of commands, each of which loads its own code; a mistyped one gets the nearest name.
  'main.ts': { imports: ['cli/command.ts', 'config/nearest.ts'], lazily: ['cli'] },
};

const files = readFiles(['src'], ['.ts']).map(({ name, text }) => ({
  name: name.slice('src/'.length),
  imports: importsOf(text),
  text,
}));

/** An import of one file by another, both relative to `src/`. */
interface Edge {
  readonly from: string;
  readonly to: string;
  readonly kind: Import['kind'];
}

const edges: readonly Edge[] = files.flatMap(({ name, imports }) =>
  imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, kind }) => ({ from: name, to: posix.join(posix.dirname(name), specifier), kind })),
);

function partOf(file: string): string {
  return file.split('/', 1)[0]!;
}

function allows(entries: readonly string[], file: string): boolean {
  return entries.includes(partOf(file)) || entries.includes(file);
}

function isAllowed({ from, to, kind }: Edge): boolean {
  const layer = layers[partOf(from)];
  if (layer === undefined) return false;
  if (allows(layer.imports, to)) return true;
  if (kind === 'type') return allows(layer.types ?? [], to);
  return kind === 'lazy' && allows(layer.lazily ?? [], to);
}

describe('the layers of src/', () => {
  test('every part has a row in the table, and every row a part', () => {
    expect(Object.keys(layers).sort()).toEqual([...new Set(files.map(({ name }) => partOf(name)))].sort());
  });

  test('nobody imports what the table does not allow', () => {
    const between = edges.filter(({ from, to }) => partOf(from) !== partOf(to));
    const forbidden = between
      .filter((edge) => !isAllowed(edge))
      .map(({ from, to, kind }) => `${from} imports ${to} (${kind})`);
    expect(forbidden).toEqual([]);
    // Else nothing was read.
    expect(between.length).toBeGreaterThan(100);
  });

  test('every exception in the table is needed', () => {
    const named = Object.entries(layers).flatMap(([part, { imports, types = [], lazily = [] }]) =>
      [...imports, ...types, ...lazily]
        .filter((entry) => entry.includes('/'))
        .map((entry) => [part, entry] as const),
    );
    const unused = named.filter(
      ([part, entry]) => !edges.some(({ from, to }) => partOf(from) === part && to === entry),
    );
    expect(unused).toEqual([]);
  });

  test('every import leads to a file, and none out of src/', () => {
    const names = new Set(files.map(({ name }) => name));
    expect(edges.filter(({ to }) => !names.has(to))).toEqual([]);
  });

  test('no files load each other in a circle', () => {
    expect(circles(edges.filter(({ kind }) => kind === 'value'))).toEqual([]);
  });

  test('no import is of a form that this test does not see', () => {
    const written = files.flatMap(({ name, text }) =>
      [...text.matchAll(/'(\.{1,2}\/[^']*\.ts)'/g)].map(([, specifier]) => `${name}: ${specifier}`),
    );
    const seen = files.flatMap(({ name, imports }) =>
      imports
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => `${name}: ${specifier}`),
    );
    expect(seen.sort()).toEqual(written.sort());
  });
});

test.each<[form: string, code: string, Import[]]>([
  ['a plain import', `import { a } from './a.ts';`, [{ specifier: './a.ts', kind: 'value' }]],
  ['one of types', `import type { A } from './a.ts';`, [{ specifier: './a.ts', kind: 'type' }]],
  [
    'one over several lines',
    `import {\n  a,\n  type B,\n} from './a.ts';`,
    [{ specifier: './a.ts', kind: 'value' }],
  ],
  ['one for its effect', `import './a.ts';`, [{ specifier: './a.ts', kind: 'value' }]],
  ['a name space', `import * as a from './a.ts';`, [{ specifier: './a.ts', kind: 'value' }]],
  ['a re-export', `export { a } from './a.ts';`, [{ specifier: './a.ts', kind: 'value' }]],
  ['a re-export of all', `export * from './a.ts';`, [{ specifier: './a.ts', kind: 'value' }]],
  ['a re-export of types', `export type { A } from './a.ts';`, [{ specifier: './a.ts', kind: 'type' }]],
  ['a lazy one', `const a = (await import('./a.ts')).a;`, [{ specifier: './a.ts', kind: 'lazy' }]],
  // A type by import() loads nothing, but biome does not format it away, so it counts as what it looks like.
  ['a type of a lazy one', `type A = typeof import('./a.ts');`, [{ specifier: './a.ts', kind: 'lazy' }]],
  ['no import', `export const from = 'a';\nexport function a() {}\n`, []],
])('the reader of imports sees %s', (_, code, imports) => {
  expect(importsOf(code)).toEqual(imports);
});

/** The circles that a walk along the edges comes upon. */
function circles(along: readonly Edge[]): string[] {
  const next = Map.groupBy(along, ({ from }) => from);
  const done = new Set<string>();
  const found: string[] = [];
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' > '));
    if (done.has(file) || path.includes(file)) return;
    for (const { to } of next.get(file) ?? []) walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return found;
}
