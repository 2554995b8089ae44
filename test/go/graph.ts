import type { FixtureParts } from '../fakes/module-zip.ts';
import type { UpstreamModule } from '../fakes/upstream.ts';

/** A module version of a generated graph. */
interface Node {
  readonly path: string;
  readonly version: string;
  readonly requires: readonly Node[];
}

/** A graph of modules as large projects have one. */
export interface Graph {
  readonly nodes: readonly Node[];
  /** Those that no other requires. */
  readonly roots: readonly Node[];
  readonly modules: readonly UpstreamModule[];
  /** The go.mod of a project that requires the roots: with `go 1.16` it has every node, and go walks the whole graph. */
  readonly goMod: string;
}

/** So many modules, of every shape that a path and a version can have; each requires up to three of those before it. */
export function generateGraph(count: number): Graph {
  const nodes: Node[] = [];
  for (let i = 0; i < count; i++) {
    const shape = shapes[i % shapes.length]!(i);
    const below = [i - 1, i - 7, i >> 1].filter((j) => j >= 0 && j < i);
    nodes.push({ ...shape, requires: hasGoMod(shape) ? [...new Set(below)].map((j) => nodes[j]!) : [] });
  }
  const required = new Set(nodes.flatMap(({ requires }) => requires));
  const roots = nodes.filter((node) => !required.has(node));
  return {
    nodes,
    roots,
    modules: nodes.map((node) => ({ path: node.path, versions: { [node.version]: partsOf(node) } })),
    goMod: `module example.com/project\n\ngo 1.16\n${requireLines(roots)}`,
  };
}

type Shape = Pick<Node, 'path' | 'version'>;

const shapes: readonly ((i: number) => Shape)[] = [
  (i) => ({ path: `example.com/plain/m${i}`, version: `v1.${i}.0` }),
  (i) => ({ path: `example.com/Mixed/CaseM${i}`, version: 'v0.1.0' }),
  (i) => ({ path: `example.com/major/m${i}/v2`, version: `v2.0.${i}` }),
  (i) => ({ path: `example.com/incompatible/m${i}`, version: `v3.${i}.1+incompatible` }),
  (i) => ({ path: `example.com/pseudo/m${i}`, version: `v0.0.0-20240102030405-${commit(i)}` }),
  (i) => ({ path: `example.com/Pseudo/M${i}`, version: `v1.2.4-0.20240102030405-${commit(i)}` }),
  (i) => ({ path: `example.com/pre/m${i}`, version: `v1.0.0-RC.${i}` }),
  (i) => ({ path: `gopkg.in/m${i}.v3`, version: 'v3.0.0' }),
];

function commit(i: number): string {
  return i.toString(16).padStart(12, '0');
}

/** What is incompatible is so because it has none. */
function hasGoMod({ version }: Shape): boolean {
  return !version.endsWith('+incompatible');
}

function partsOf(node: Node): FixtureParts {
  const { path, version, requires } = node;
  const source = `// Package m is generated.\npackage m\n\n// Version is its version.\nconst Version = "${version}"\n`;
  const files = { 'm.go': source };
  if (!hasGoMod(node)) return { files };
  return { files: { ...files, 'go.mod': `module ${path}\n\ngo 1.16\n${requireLines(requires)}` } };
}

function requireLines(nodes: readonly Node[]): string {
  return nodes.map(({ path, version }) => `\nrequire ${path} ${version}\n`).join('');
}
