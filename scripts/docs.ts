// Writes the pages of docs/ that follow from code: `node scripts/docs.ts`. A test compares them with the code.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AthensMeaning, athensSettings } from '../src/config/athens-table.ts';
import type { NamedSetting } from '../src/config/named-setting.ts';
import { named } from '../src/config/schema.ts';
import { isComputed } from '../src/config/setting.ts';
import { errorKinds } from '../src/errors.ts';

/** The generated pages: the name of the file in docs/, and what makes its text. */
export const pages: readonly { readonly file: string; readonly render: () => string }[] = [
  { file: 'settings.md', render: renderSettings },
  { file: 'athens-settings.md', render: renderAthensSettings },
  { file: 'errors.md', render: renderErrors },
];

const notice = '<!-- Made by scripts/docs.ts from the code; edit that. -->';

function renderSettings(): string {
  return `# Settings

${notice}

Every setting has one name in three spellings: \`log.level\` in the settings file (TOML), \`STOA_LOG_LEVEL\` in the
environment, \`--log-level\` as a flag. \`stoa config show\` prints all of them with their values and sources, \`stoa config
check\` tells whether a server would start with them.

From the strongest to the weakest:

1. flags: \`--name value\` or \`--name=value\`
2. \`STOA_…\` variables
3. \`ATHENS_…\` variables ([how they are read](athens-settings.md))
4. variables that container images share: ${containerVariables()}
5. the settings file: \`--config FILE\`, else \`STOA_CONFIG\`, else \`stoa.toml\` or \`athens.toml\` in the working directory
6. variables for other programs, where the last column names them
7. defaults

An unknown name, a value that is not accepted, or two settings that contradict each other stop the start with a sentence that
says what and where; all such sentences are told at once. An empty variable is a value: it clears a list or a name, and is refused
where something must be said. Container variables and variables for other programs count only when they are not empty.
\`PORT\` and \`SERVER_PORT\` also take \`:3000\` and \`host:3000\`; a \`MODE\` that Stoa does not know is meant for another program and
is ignored with a warning. Variables that Kubernetes sets for a service named \`stoa\` (\`STOA_PORT=tcp://…\`,
\`STOA_SERVICE_HOST\`) are passed over, as are those that begin with \`STOA_TEST_\`.

Durations are written \`250ms\`, \`30s\`, \`1h30m\` or \`7d\`; sizes \`256MiB\`, \`10MB\` or as a number of bytes; lists as TOML arrays, or
with commas between. Names of files are meant from the working directory. A secret can also be read from the file that the name
with \`_file\` (\`_FILE\`) names; it has no flag but that one.

An inherited \`GOPROXY\` may well name this server, since that is what go commands are told: such an entry is skipped with a
warning, and a list that holds no other URL is passed over.

| setting | variable and flag | default | accepts | also read from | |
|---|---|---|---|---|---|
${named.map(settingRow).join('\n')}
`;
}

function settingRow(item: NamedSetting): string {
  const { setting, name, variable, flag } = item;
  const [shown, variables] = setting.secret
    ? [`\`${name}\`, \`${name}_file\``, `\`${variable}\`, \`${variable}_FILE\``]
    : [`\`${name}\``, `\`${variable}\``];
  const others = [...setting.containers, ...setting.inherits].map(code).join(', ');
  return row([
    shown,
    `${variables}, \`${flag}\``,
    defaultText(item),
    setting.type.accepts,
    others,
    setting.doc,
  ]);
}

function defaultText({ setting }: NamedSetting): string {
  if (isComputed(setting.default)) return setting.default.text;
  const text = setting.type.format(setting.default);
  return text === '' ? 'empty' : code(text);
}

function containerVariables(): string {
  return named.flatMap(({ setting }) => setting.containers.map(code)).join(', ');
}

function renderAthensSettings(): string {
  return `# Settings of Athens

${notice}

Stoa reads the settings of Athens v0.18, so that its image can take the place of Athens': the \`ATHENS_…\` variables and the
unprefixed ones, and its \`config.toml\`, given as \`--config FILE\` or, as to Athens, \`-config_file=FILE\`. With \`ATHENS_\` or
\`ATHENS_<SECTION>_\` before its name every variable is read too, as Athens does. \`STOA_…\` variables and flags are stronger. A
key or an \`ATHENS_…\` variable that Athens does not know stops the start.

What is "without effect" is accepted and told once in the log; what is "not available in this version" stops the start, unless it
has one of the values that ask for nothing.

| config.toml | variable | in Stoa |
|---|---|---|
${athensSettings.map(({ key, variable, storage, meaning }) => row([code(key), code(variable ?? ''), `${meaningText(meaning)}${storage === undefined ? '' : `, where \`StorageType\` is \`${storage}\``}`])).join('\n')}
`;
}

function meaningText(meaning: AthensMeaning): string {
  switch (meaning.kind) {
    case 'sets':
      return `\`${meaning.name}\`${meaning.seconds ? ', in seconds' : ''}`;
    case 'rule':
      return meaning.doc;
    case 'idle':
      return `without effect: ${meaning.because}`;
    case 'later':
      return `${meaning.what} is not available in this version; asks for nothing: ${meaning.unless.map((text) => (text === '' ? 'empty' : code(text))).join(', ')}`;
  }
}

function renderErrors(): string {
  const rows = Object.entries(errorKinds).map(([kind, entry]) => {
    const retryAfter = 'retryAfter' in entry ? entry.retryAfter : undefined;
    const remembered = entry.cacheSeconds === 0 ? '' : `${entry.cacheSeconds} s`;
    const retry = retryAfter === undefined ? '' : `${retryAfter} s`;
    return row([code(kind), String(entry.status), remembered, retry, entry.level.toUpperCase(), entry.doc]);
  });
  return `# Errors

${notice}

A status is a statement of fact, and it decides what the go command does: after a 404 or 410 it tries the next entry of
GOPROXY, after any other failure it stops (unless a \`|\` follows). The body of a failure is one line of text, which the go command
prints; the log line of the request has it too, with the kind.

| kind | status | remembered | Retry-After | level | |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

if (import.meta.main) {
  for (const { file, render } of pages) {
    writeFileSync(join(import.meta.dirname, '..', 'docs', file), render());
  }
}
