/** Generated go.mod files, most of them with something odd in one line. */
import fc from 'fast-check';
import { modulePaths, mostly, mutated, versions } from './cases.ts';

const goodPaths = fc.constantFrom(
  'example.com/m',
  'example.com/m/v2',
  'gopkg.in/yaml.v2',
  'github.com/Azure/x',
);
const goodVersions = fc.constantFrom(
  'v1.2.3',
  'v0.1.0',
  'v1.0.0-rc.1',
  'v0.0.0-20191109021931-daa7c04131f5',
  'v2.0.0+incompatible',
  'v1.2',
  'v2.1.0',
  'v1.0.0+meta',
);

/** A word as it is, in double quotes, or quoted in ways that are refused. */
function written(words: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const quoting = mostly(
    fc.constantFrom(
      (word: string) => word,
      (word: string) => word,
      (word: string) => JSON.stringify(word),
    ),
    fc.constantFrom(
      (word: string) => `\`${word}\``,
      (word: string) => `'${word}'`,
      (word: string) => `"${word}\\x2fa\\u00e9\\101"`,
      (word: string) => `"${word}\\q"`,
      (word: string) => `"${word}\\xff\\U0001F600\\'"`,
      (word: string) => `"${word}`,
      (word: string) => `${word}"x`,
    ),
  );
  return fc.tuple(words, quoting).map(([word, quote]) => quote(word));
}

const paths = written(mostly(goodPaths, modulePaths));
const versionWords = written(mostly(goodVersions, versions));

const comments = fc.oneof(
  { weight: 5, arbitrary: fc.constant('') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ' // indirect',
      ' // indirect; because',
      '// indirect',
      ' // indirect because',
      ' //indirect',
      ' // a reason',
      ' // Deprecated: old',
      ' //',
      ' // x // y',
      '\t//\u00a0indirect\u0085',
      ' /* no */',
    ),
  },
);

const requirement = fc.tuple(paths, versionWords).map((words) => words.join(' '));
const interval = fc.oneof(
  versionWords,
  fc.tuple(versionWords, versionWords).map(([low, high]) => `[${low}, ${high}]`),
  fc.constantFrom(
    '[v1.0.0,v1.1.0]',
    '[v1.0.0 v1.1.0]',
    '[v1.0.0, v1.1.0',
    '[v1.0.0, v1.1.0] later',
    ']',
    '[',
    '(',
    'v1.0.0 v1.1.0',
    '[ , ]',
  ),
);
const replacement = fc
  .tuple(
    fc.oneof(paths, requirement),
    mostly(fc.constant('=>'), fc.constantFrom('', '=', '=> =>')),
    fc.oneof(
      paths,
      requirement,
      fc.constantFrom(
        './local',
        '../x',
        '/abs',
        '.',
        '..',
        'C:\\x',
        'C:/x v1.0.0',
        '.\\x',
        './x v1.0.0',
        '"./a b"',
        'a@v1',
        '',
      ),
    ),
  )
  .map((words) => words.join(' '));

const arguments_: Record<string, fc.Arbitrary<string>> = {
  module: mostly(paths, fc.constantFrom('', 'a b', '""')),
  go: mostly(
    fc.constantFrom('1.26', '1.26.1', '1.21rc1', '1.9'),
    fc.constantFrom(
      'v1.9',
      '1',
      '1.02',
      '1.26.x',
      '1.2.3.4',
      '1.26-custom',
      'go1.26',
      '"1.26"',
      '1.26 1.27',
      '',
      '0.1',
    ),
  ),
  toolchain: fc.constantFrom(
    'go1.26.1',
    'default',
    'go1',
    'go1.26.1-custom',
    'go2',
    'local',
    'go1.26 x',
    '"go1.26"',
    '',
  ),
  require: requirement,
  exclude: requirement,
  replace: replacement,
  retract: interval,
  ignore: fc.oneof(
    { weight: 5, arbitrary: fc.constant('./x') },
    { weight: 1, arbitrary: fc.constantFrom('', 'a b', "'x'") },
  ),
  tool: fc.constantFrom('example.com/m/cmd', ''),
  godebug: fc.constantFrom('a=b', 'x'),
  unknown: fc.constantFrom('a b c', '{ x }', '[1, 2]', '( x', ')', '( )', '() x'),
};

const verbs = fc.constantFrom(
  ...Object.keys(arguments_),
  'require',
  'require',
  'retract',
  'module',
  'replace',
);

const before = fc.array(
  fc.constantFrom(
    '// why',
    '// Deprecated: use v2',
    '//',
    '',
    '// Deprecated:   spaced  ',
    '\t// indented',
    '//\tDeprecated: tab',
    '// Deprecated: a\n// b',
    '//\n// Deprecated: second\n//\n// more',
    '\r',
  ),
  { maxLength: 3 },
);

const statements = fc.oneof(
  {
    weight: 3,
    arbitrary: verbs.chain((verb) =>
      fc
        .tuple(before, arguments_[verb]!, comments)
        .map(([lines, args, comment]) => [...lines, `${verb} ${args}${comment}`]),
    ),
  },
  {
    weight: 2,
    arbitrary: verbs.chain((verb) =>
      fc
        .tuple(
          before,
          fc.constantFrom('(', '(', '(', '( // open', '(x', 'word (', '()', '( )', '() // c'),
          fc.array(fc.tuple(before, arguments_[verb]!, comments), { maxLength: 3 }),
          before,
          mostly(fc.constant(')'), fc.constantFrom(') // close', ') x', '', '))')),
        )
        .map(([lines, open, inner, last, close]) => [
          ...lines,
          `${verb} ${open}`,
          ...(open.includes(')')
            ? []
            : [...inner.flatMap(([own, args, comment]) => [...own, `\t${args}${comment}`]), ...last, close]),
        ]),
    ),
  },
);

/** Texts of go.mod files. */
export const modFiles = mutated(
  fc
    .tuple(
      fc.array(statements, { maxLength: 5 }),
      mostly(fc.constant('\n'), fc.constantFrom('\r\n', '\n\n')),
      fc.boolean(),
    )
    .map(([list, newline, closed]) => list.flat().join(newline) + (closed ? newline : '')),
)
  // A string that holds an escaped newline is refused wherever it matters; the comment behind it is not followed here.
  .map((text) => text.replaceAll('\\\n', '\\ \n'));
