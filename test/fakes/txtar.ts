/** A txtar archive: a comment, then named text files (the format of golang.org/x/tools/txtar). */
export interface Txtar {
  readonly comment: string;
  readonly files: ReadonlyMap<string, string>;
}

/** Reads a txtar archive; a file's text ends with the newline before the next `-- name --` line. */
export function parseTxtar(text: string): Txtar {
  const comment: string[] = [];
  const files = new Map<string, string[]>();
  let lines = comment;
  for (const line of text.split(/(?<=\n)/)) {
    const name = /^-- (\S.*?) --\r?\n?$/.exec(line)?.[1];
    if (name === undefined) {
      lines.push(line);
    } else {
      lines = [];
      files.set(name, lines);
    }
  }
  return {
    comment: comment.join(''),
    files: new Map([...files].map(([name, parts]) => [name, parts.join('')])),
  };
}
