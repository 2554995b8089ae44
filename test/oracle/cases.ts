/** Generated inputs, near the edges of the rules rather than anywhere in the space of all strings. */
import fc from 'fast-check';

/** One of the words of a text; `''` stands for the empty one. */
export function oneOf(text: string): fc.Arbitrary<string> {
  return fc.constantFrom(...text.split(' ').map((word) => (word === "''" ? '' : word)));
}

/** The usual three times in four. */
export function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

/** The text, half the time after one to three edits with pieces that mean something to some rule. */
export function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const edit = fc.record({
    kind: oneOf('insert replace delete upper repeat cut'),
    at: fc.nat({ max: 1000 }),
    piece: pieces,
  });
  const edits = fc.oneof(fc.constant([]), fc.array(edit, { minLength: 1, maxLength: 3 }));
  return fc
    .tuple(texts, edits)
    .map(([text, list]) =>
      list.reduce((edited, { kind, at, piece }) => applyEdit(edited, kind, at, piece), text),
    );
}

/** What edits put into a text: characters and words at the edge of some rule. */
const pieces = fc.oneof(
  fc.constantFrom(...'/.-_~!+@ 019vVAZ[`az{:%\\"\'*?,()=<>|#&;^$]}\t\n\r\0\x7f\x80'),
  fc.constantFrom(...'éſ\u212aßς\u0130\u0131字\u0301\u200d\ufeff\u00a0\u2028\ufffd😀𝔸'),
  oneOf('.. // /v2 /v1 .v2 -unstable CON nul. ~1 !a !! !A +incompatible -0. .0 gopkg.in/ --'),
);

const largeNumbers = oneOf('9007199254740992 9007199254740993 18446744073709551616 99999999999999999999999');

const numbers = fc.oneof(
  { weight: 8, arbitrary: fc.nat({ max: 12 }).map(String) },
  { weight: 1, arbitrary: oneOf("00 01 007 '' 999") },
  { weight: 1, arbitrary: largeNumbers },
);

const identifiers = mostly(
  oneOf('0 1 rc1 rc.1 alpha beta-2 A Z9 10 2 0a go1.27.9.linux-amd64 0.20191109021931-daa7c04131f5'),
  fc.oneof(
    oneOf("01 - -- '' incompatible"),
    fc.string({ unit: fc.constantFrom(...'019aZ-.'), maxLength: 6 }),
  ),
);

const builds = mostly(
  oneOf("'' '' +incompatible"),
  oneOf('+meta + +a.b +a..b +01 +incompatible.1 +Incompatible ++'),
);

const anyTime = fc.date({
  min: new Date('0000-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
});

const stamps = fc.oneof(
  { weight: 4, arbitrary: anyTime.map((time) => time.toISOString().replace(/[-T:]|\..*/g, '')) },
  { weight: 1, arbitrary: oneOf('20200229000000 99991231235959 00000101000000 00000000000000') },
  { weight: 1, arbitrary: oneOf('20190229000000 20191301000000 20190100000000 20191109240000') },
  { weight: 1, arbitrary: oneOf('20191109236000 20191109235960 2019110902193 201911090219310') },
);

const revisions = mostly(
  oneOf('daa7c04131f5 000000000000'),
  oneOf("DAA7C04131F5 a '' daa7c04131f5.1 x-y 123456789012345"),
);

/** Pseudo-versions of all forms, and near misses. */
export const pseudoVersions = mutated(
  fc
    .tuple(
      numbers,
      fc.oneof(fc.constant(['0', '0']), fc.tuple(numbers, numbers)),
      mostly(oneOf('- -0. -pre.0. -0.0. -rc.1.0.'), oneOf('-pre. -pre0. -pre.00. .0. -1. -a-b.0.')),
      stamps,
      revisions,
      builds,
    )
    .map(
      ([major, [minor, patch], middle, stamp, revision, build]) =>
        `v${major}.${minor}.${patch}${middle}${stamp}-${revision}${build}`,
    ),
);

/** Versions with all three numbers, most of them valid. */
export const ordinaryVersions = fc
  .tuple(numbers, numbers, numbers, fc.option(identifiers), builds)
  .map(
    ([major, minor, patch, pre, build]) =>
      `v${major}.${minor}.${patch}${pre === null ? '' : `-${pre}`}${build}`,
  );

/** Two versions that differ in a large number, at most. */
export const largePairs: fc.Arbitrary<[string, string]> = fc
  .tuple(oneOf('v1.2.N v1.N.3 vN.2.3 v1.2.3-N v1.2.3-rc.N.x'), largeNumbers, largeNumbers)
  .map(([version, a, b]) => [version.replace('N', a), version.replace('N', b)]);

/** Versions of every kind, most of them nearly right. */
export const versions = fc.oneof(
  { weight: 4, arbitrary: mutated(ordinaryVersions) },
  { weight: 2, arbitrary: pseudoVersions },
  {
    weight: 1,
    arbitrary: mutated(oneOf("v1 v1.2 v2 v0 latest main HEAD feature/x v2.0.0 none 1.2.3 V1.2.3 ''")),
  },
);

const hosts = mostly(
  oneOf('example.com github.com gopkg.in golang.org a.b x.y-z 1.2'),
  oneOf('localhost -a.b Example.com a_b.c .com a. com1.net nul gopkg.in.x'),
);

const oddElements = fc.oneof(
  oneOf('CON con aux.txt com1 COM0 lpt9.x nulx a~1 a~12.b a.b~1 ~1 ~ a~1b .hidden a. .. ...'),
  oneOf("'' v1 v0 v02 v2.0 v V2 yaml.v01 check.v0-unstable yaml.v-unstable foo-unstable .v2 a+b @v é 字"),
  fc.string({ unit: fc.constantFrom(...'aZ09.-_~! '), maxLength: 6 }),
);

const elements = mostly(oneOf('Foo foo x Azure v2 v10 yaml.v3 yaml.v0 check.v1-unstable'), oddElements);

/** Module paths, most of them nearly right. */
export const modulePaths = mutated(
  fc.tuple(hosts, fc.array(elements, { maxLength: 4 })).map(([host, rest]) => [host, ...rest].join('/')),
);

const fileNames = oneOf(
  'go.mod LICENSE !#$%&()+,-.=@[]^_{}~ É ſ naïve.go 日本語.go e\u0301 a😀 prn.go x:y a*b -a',
);

/** Paths of files and packages, most of them nearly right. */
export const filePaths = mutated(
  fc.array(fc.oneof(elements, fileNames), { maxLength: 4 }).map((parts) => parts.join('/')),
);

/**
 * Characters of every kind that both Unicode tables have had for long: Node's and Go's are of different releases, and
 * a new letter is one to the newer alone. unicode-oracle.test.ts compares all that both know.
 */
const oldCharacters = fc.oneof(
  ...[
    [0, 0x7f],
    [0x80, 0x24f],
    [0x300, 0x36f],
    [0x400, 0x481],
    [0x2000, 0x2027],
    [0x4e00, 0x9fa5],
    [0xe000, 0xf8ff],
    [0xfff0, 0xffff],
    [0x1f600, 0x1f64f],
    [0x20000, 0x2a6d6],
    [0x100000, 0x10ffff],
  ].map(([min, max]) => fc.integer({ min: min!, max: max! }).map((point) => String.fromCodePoint(point))),
);

/** Any short text, so that no generator's habits hide a rule. */
export const anyText = fc.oneof(
  fc.string({ unit: oldCharacters, maxLength: 12 }),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }),
);

const patternParts = fc.oneof(
  oneOf('* ? [a-z] [^a-z] [^/] *[^/] [/]* [-a] [z-a] [\\]] \\* \\/ [*] [/] ** a*b [a-zA-Z0-9.] *.com'),
  oneOf('[a [] []a] [a-] [a-z [\\ \\ ] - ^ [é-ü] é [^é]'),
  oneOf('example.com github.com gopkg.in foo x v2 / / // , ,, . com'),
);

/** Patterns with the module path they are tried on. */
export const patternsWithPath: fc.Arbitrary<[patterns: string, path: string]> = modulePaths
  // Module paths are ASCII. In other text a star of path.Match may split a character, and ours may not.
  .map((path) => path.replace(/[^\0-\x7f]/g, 'x'))
  .chain((path) => {
    const prefixes = fc.nat({ max: 4 }).map((count) =>
      path
        .split('/')
        .slice(0, count + 1)
        .join('/'),
    );
    /** A leading part of the path with a piece of it taken out for a pattern. */
    const fitting = fc
      .tuple(prefixes, fc.nat({ max: 20 }), fc.nat({ max: 4 }), patternParts)
      .map(([prefix, at, length, part]) => prefix.slice(0, at) + part + prefix.slice(at + length));
    const arbitrary = fc.array(patternParts, { maxLength: 8 }).map((list) => list.join(''));
    const pattern = fc.oneof(prefixes, fitting, mutated(fitting), arbitrary);
    const patterns = mostly(
      pattern,
      fc.tuple(pattern, pattern).map((list) => list.join(',')),
    );
    return fc.tuple(patterns, fc.constant(path));
  });

function applyEdit(text: string, kind: string, place: number, piece: string): string {
  const characters = Array.from(text);
  const at = place % (characters.length + 1);
  switch (kind) {
    case 'insert':
      characters.splice(at, 0, piece);
      break;
    case 'replace':
      characters.splice(at, 1, piece);
      break;
    case 'delete':
      characters.splice(at, 1);
      break;
    case 'upper':
      characters.splice(at, 1, (characters[at] ?? '').toUpperCase());
      break;
    case 'repeat':
      characters.splice(at, 0, characters[at] ?? '');
      break;
    default:
      characters.length = at;
  }
  return characters.join('');
}
