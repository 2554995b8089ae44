import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { matchGoImport, parseGoImports } from '../../src/fetch/go-import.ts';
import { tableRoot } from '../../src/fetch/host-table.ts';
import { expectAgreement } from '../oracle/agree.ts';
import { anyText, modulePaths, mutated, oneOf } from '../oracle/cases.ts';
import { type Oracle, openOracle } from '../oracle/oracle.ts';
import { requireTool } from '../setup/require.ts';

describe.skipIf(requireTool('go') === undefined)('Go agrees about discovery', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await openOracle();
  });
  afterAll(() => oracle?.close());

  const space = fc.constantFrom(' ', '\n', '\t', '\r\n', '  ', '\u00a0');
  const prefix = oneOf('a.example a.example/b a.example/b/c b.example a.example/ é');
  const fields = fc
    .tuple(
      prefix,
      oneOf('git mod hg x'),
      oneOf('https://r.example/x https://r.example/?a&amp;b &#x41; &gt;'),
      oneOf("'' sub /x"),
    )
    .chain((texts) => space.map((between) => texts.join(between)));
  const quoted = (content: fc.Arbitrary<string>) =>
    fc.tuple(oneOf('" \''), content).map(([quote, text]) => quote + text + quote);
  const attribute = fc
    .tuple(
      oneOf('name NAME content Content og:name charset x:y:z 1x é a.b'),
      fc.constantFrom('=', ' = ', '', '=\n'),
      fc.oneof(quoted(fields), oneOf('go-import "go-import" "go&#45;import" /x a:b "" \'>\' \'<\'')),
    )
    .map((parts) => parts.join(''));
  const metaTag = fc
    .tuple(oneOf('meta META x:meta metá link'), fc.array(attribute, { maxLength: 3 }), oneOf('> /> / ?> " >'))
    .map(([name, attributes, end]) => `<${[name, ...attributes].join(' ')}${end}`);
  const good = fields.map((content) => `<meta name="go-import" content="${content}">`);
  const other = fc.oneof(
    fc.constantFrom(
      '<head>',
      '</head>',
      '<body>',
      '<HEAD/>',
      '</body>',
      '<title>a &amp; b</title>',
      '<!doctype html>',
      '\ufeff',
    ),
    fc.constantFrom(
      '<!-- a -->',
      '<!-->',
      '<!---->',
      '<!-- -- -->',
      '<!--->',
      '<![CDATA[ <x ]]>',
      '<![CDAT[',
      ']]>',
      ']]&gt;',
    ),
    fc.constantFrom(
      '<!DOCTYPE a [<!ENTITY b "]>">]>',
      '<!a <!-- > --> >',
      "<!a '>' >",
      '<!a <!b> >',
      '<!>',
      '<!">',
      '<!a <!->>>',
    ),
    fc.constantFrom(
      '<?xml version="1.0"?>',
      '<?xml encoding="ascii"?>',
      "<?xml encoding='latin1'?>",
      '<?xml version=1?>',
      '<?php a ?>',
      '<? ?>',
    ),
    fc.constantFrom(
      '&',
      '&#',
      '&#x',
      '&#0;',
      '&#65;',
      '&#xd800;',
      '&#x110000;',
      '&#99999999999999999999;',
      '&nbsp;',
      '&é;',
      '&a.b-c:d;',
      '\r',
      '\x01',
      '\ufffe',
    ),
    fc
      .constantFrom('\xe9', '\xed\xa0\x80', '\xc0\xaf', '\xf4\x90\x80\x80', '\x80')
      .map((bytes) => `raw:${bytes}`),
    metaTag,
  );
  const pages = fc
    .array(fc.oneof({ weight: 2, arbitrary: good }, { weight: 3, arbitrary: other }), { maxLength: 6 })
    .map((parts) => parts.map((part) => (part.startsWith('raw:') ? part.slice(4) : toBytes(part))).join(''));

  test('what a page says', async () => {
    await expectAgreement(oracle, 20_000, {
      cases: fc.oneof(
        { weight: 2, arbitrary: pages },
        { weight: 1, arbitrary: mutated(pages).map(toLatin1) },
      ),
      question: (page) => ['goImports', page],
      ours: (page) => parseGoImports(Buffer.from(page, 'latin1')).imports,
    });
  });

  test('which tag is for a path', async () => {
    const found = fc.record({ prefix, vcs: oneOf('git mod'), url: oneOf('u v'), subdir: oneOf("'' s") });
    // Those of proxies stand first, as the parser puts them.
    const lists = fc
      .array(found, { maxLength: 4 })
      .map((list) => list.toSorted((a, b) => Number(b.vcs === 'mod') - Number(a.vcs === 'mod')));
    await expectAgreement(oracle, 3000, {
      cases: fc.tuple(lists, prefix),
      question: ([list, path]) => ['matchGoImport', list, path],
      ours: ([list, path]) => {
        const match = matchGoImport(list, path);
        if ('problem' in match) throw new StoaError('notFound', match.problem);
        return { ...match };
      },
    });
  });

  test('what a path with the suffix of a system means', async () => {
    const elements = oneOf(
      'a x.git git .git ~u ~ ~.git a~b.git y.hg z.svn.git w.fossil v2 A_b.git x.bzr x.gitx é',
    );
    const hosts = oneOf('a.example a..b localhost a.b.c.d x.git .a a. a.b:80 A.b');
    const paths = fc
      .tuple(hosts, fc.array(elements, { maxLength: 4 }))
      .map(([host, list]) => [host, ...list].join('/'));
    const isKnown = (path: string) =>
      /^(github\.com|bitbucket\.org|hub\.jazz|git\.(apache|openstack)|chisel)/.test(path);
    await expectAgreement(oracle, 5000, {
      cases: fc
        .oneof(
          { weight: 4, arbitrary: paths },
          { weight: 1, arbitrary: mutated(paths) },
          { weight: 1, arbitrary: modulePaths },
          { weight: 1, arbitrary: anyText },
        )
        // No module path has a port, and ours reads none.
        .filter((path) => !isKnown(path) && !path.includes(':')),
      question: (path) => ['suffixRoot', path],
      ours: (path) => {
        const found = tableRoot(path);
        if (found === undefined) throw new StoaError('notFound', 'none');
        return [found.root, found.urls[0].replace('https://', ''), found.vcs];
      },
    });
  });
});

/** The bytes of a text, one a character. */
function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** Pieces that edits bring in may hold other characters than bytes. */
function toLatin1(text: string): string {
  return text.replace(/[^\x00-\xff]/gu, toBytes);
}
