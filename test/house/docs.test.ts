import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import packageFile from '../../package.json' with { type: 'json' };
import { named } from '../../src/config/schema.ts';
import { errorKinds } from '../../src/errors.ts';
import { metricTable } from '../../src/observe/metric-table.ts';
import { codeIn, codeOf, pageNamed, pages, tableOf } from './markdown.ts';
import { readFiles, root } from './source.ts';

test('there are pages, README.md among them', () => {
  expect(pages[0]?.name).toBe('README.md');
  expect(pages.length).toBeGreaterThan(5);
});

describe.each(pages.map((page) => [page.name, page] as const))('%s', (name, page) => {
  test('links to what is there', () => {
    const links = [...page.text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const broken = links.filter((link) => !/^https?:/.test(link) && !leadsSomewhere(name, link));
    expect(broken).toEqual([]);
  });

  test('names only commands that there are', () => {
    const lines = codeOf(page);
    const scripts = lines.flatMap((line) => [
      ...[...line.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, script]) => script!),
      ...[...line.matchAll(/\bnpm (start|test)\b/g)].map(([, script]) => script!),
    ]);
    expect(scripts.filter((script) => !Object.hasOwn(packageFile.scripts, script))).toEqual([]);
    const commands = lines.flatMap((line) =>
      [...line.matchAll(/^stoa ((?:[a-z]+ ?){1,2})/g)].map(([, command]) => command!.trim()),
    );
    expect(commands.filter((command) => !isCommand(command))).toEqual([]);
    const programs = lines.flatMap((line) => [...line.matchAll(/\bnode ((?:src|scripts|bench)\/\S+)/g)]);
    expect(programs.filter(([, file]) => !existsSync(join(root, file!)))).toEqual([]);
  });

  test('names only settings that there are', () => {
    const variables = new Set([...named.map(({ variable }) => variable), 'STOA_CONFIG']);
    // `…_FILE` reads a secret from a file; the others are examples of what is passed over.
    const passed = /^STOA_(…|TEST_\w*|SERVICE_HOST)$/;
    const unknown = [...page.text.matchAll(/\bSTOA_[A-Z0-9_…]+/g)]
      .map(([variable]) => variable)
      .filter((variable) => !variables.has(variable.replace(/_FILE$/, '')) && !variables.has(variable))
      .filter((variable) => !passed.test(variable));
    expect(unknown).toEqual([]);
  });

  test('names only metrics that there are', () => {
    const written = codeOf(page).flatMap((code) => code.match(/\bstoa_[a-z_]+/g) ?? []);
    expect(written.filter((metric) => !Object.hasOwn(metricTable, metric))).toEqual([]);
  });

  test('names only files of the code that there are', () => {
    const parts = readFiles(['src'], ['.ts']).map((file) => file.name);
    const files = codeIn(page.text).filter((code) => /^[a-z-]+\/[a-z0-9/-]+\.(ts|mjs)$/.test(code));
    expect(files.filter((file) => !parts.includes(`src/${file}`) && !existsSync(join(root, file)))).toEqual(
      [],
    );
  });

  test('knows nothing of the machine it was written on', () => {
    const homes = /(^|[\s"'`(=])\/(home|Users|root|work|mnt|private)\//m;
    expect(page.text).not.toMatch(homes);
    for (const name of [root, `${homedir()}/`, hostname()]) expect(page.text).not.toContain(name);
  });
});

test('every page is reached from README.md', () => {
  const reached = new Set(['README.md']);
  for (const name of reached) {
    const page = pages.find((page) => page.name === name);
    for (const [, link] of page?.text.matchAll(/\]\(([^)#\s]+)(?:#[^)\s]*)?\)/g) ?? []) {
      const target = posix.join(posix.dirname(name), link!);
      for (const { name } of pages) if (name === target || name.startsWith(`${target}/`)) reached.add(name);
    }
  }
  expect(pages.map(({ name }) => name).filter((name) => !reached.has(name))).toEqual([]);
});

test('docs/observe.md has exactly the events that are counted', () => {
  const documented = tableOf(pageNamed('docs/observe.md'), 'event').map(([event]) => codeIn(event!)[0]);
  const counted = readFiles(['src'], ['.ts']).flatMap(({ text }) =>
    [...text.matchAll(/\bevent\(\s*'(\w+)'/g)].map(([, event]) => event!),
  );
  expect(documented.sort()).toEqual([...new Set(counted)].sort());
});

test('docs/troubleshoot.md names only statuses that there are', () => {
  const statuses = Object.values(errorKinds).map(({ status }) => String(status));
  const shown = tableOf(pageNamed('docs/troubleshoot.md'), 'go says')
    .flatMap(([said]) => codeIn(said!))
    .flatMap((said) => /^[45]\d\d\b/.exec(said) ?? []);
  expect(shown.length).toBeGreaterThan(5);
  expect(shown.filter((status) => !statuses.includes(status))).toEqual([]);
});

/** Commands as `stoa help` lists them. */
const commands = spawnSync(process.execPath, [join(root, 'src/main.ts'), 'help'], { encoding: 'utf8' })
  .stdout.split('\n')
  .flatMap((line) => /^ {2}([a-z]+(?: [a-z]+)?) {2,}/.exec(line)?.[1] ?? []);

function isCommand(words: string): boolean {
  return commands.some((command) => words === command || words.startsWith(`${command} `));
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : posix.join(posix.dirname(from), path);
  if (!existsSync(join(root, target))) return false;
  if (anchor === undefined) return true;
  const page = pages.find(({ name }) => name === target);
  return page !== undefined && headings(page.text).includes(anchor);
}

/** The anchors of a page's headings, as GitHub makes them. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
