import { readFiles, type SourceFile } from './source.ts';

/** The pages of the project, README.md first. */
export const pages: readonly SourceFile[] = [
  ...readFiles(['.'], ['README.md']),
  ...readFiles(['docs'], ['.md']),
];

/** A page, by its name. */
export function pageNamed(name: string): SourceFile {
  const page = pages.find((page) => page.name === name);
  if (page === undefined) throw new Error(`there is no page ${name}`);
  return page;
}

/** The rows of the table whose head has these cells first; each as its cells, without the blanks around them. */
export function tableOf(page: SourceFile, ...head: readonly string[]): string[][] {
  const lines = page.text.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${head.join(' | ')} |`));
  if (start < 0) throw new Error(`${page.name} has no table that begins with ${head.join(', ')}`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end < 0 ? undefined : end).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

/** What stands between backquotes in a text. */
export function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** The lines of the code blocks of a page, and what stands between backquotes outside of them. */
export function codeOf(page: SourceFile): string[] {
  const blocks = [...page.text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
  return [
    ...blocks.flatMap((block) => block.split('\n')),
    ...codeIn(page.text.replace(/^```[\s\S]*?^```$/gm, '')),
  ];
}
