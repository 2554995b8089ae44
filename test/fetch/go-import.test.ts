import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GoImport, matchGoImport, parseGoImports } from '../../src/fetch/go-import.ts';
import { anyText } from '../oracle/cases.ts';

/** A tag, written as its fields. */
function tag(text: string): GoImport {
  const [prefix = '', vcs = '', url = '', subdir = ''] = text.split(' ');
  return { prefix, vcs, url, subdir };
}

/** The tags of a page, each as its fields. */
function read(page: string | Uint8Array): string[] {
  const { imports } = parseGoImports(Buffer.from(page as string));
  return imports.map(({ prefix, vcs, url, subdir }) => [prefix, vcs, url, ...(subdir && [subdir])].join(' '));
}

const one = 'a.example/m git https://git.example/m';
const meta = `<meta name="go-import" content="${one}">`;

describe('the tags of a page', () => {
  test.each<[what: string, page: string, tags: string[]]>([
    ['a tag alone', meta, [one]],
    [
      'two tags',
      `${meta}\n<meta name="go-import" content="b.example hg https://b.example/r">`,
      [one, 'b.example hg https://b.example/r'],
    ],
    ['a folder in the repository', `<meta name="go-import" content="${one} sub/dir">`, [`${one} sub/dir`]],
    ['too few fields', '<meta name="go-import" content="a.example git">', []],
    ['too many', `<meta name="go-import" content="${one} sub more">`, []],
    [
      'white space of any kind',
      '<meta name="go-import" content="\n a.example/m\tgit\u00a0https://git.example/m\u3000">',
      [one],
    ],
    ['a head', `<html><head>${meta}</head></html>`, [one]],
    ['what stands behind the head', `<head></head>${meta}`, []],
    ['a head that closes itself', `<head/>${meta}`, []],
    ['what stands in the body', `<head><body>${meta}`, []],
    ['the end of a body that never began', `</body>${meta}`, [one]],
    ['a doctype', `<!doctype html>${meta}`, [one]],
    [
      'a doctype with brackets, quotes and a comment',
      `<!DOCTYPE a [<!ENTITY b "]>">]<!-- > -->>${meta}`,
      [one],
    ],
    ['names in capitals', `<HEAD><META NAME="go-import" CONTENT="${one}"></HEAD>${meta}`, [one]],
    ['a name in capitals as value', `<meta name="Go-Import" content="${one}">`, []],
    ['attributes in another order, with others', `<meta x content='${one}' y=1 name=go-import />`, [one]],
    ['the first of two attributes', `<meta name="go-import" name="x" content="${one}" content="">`, [one]],
    ['name spaces, which do not count', `<x:meta og:name="go-import" x:content="${one}">`, [one]],
    ['references', '<meta name="go&#45;import" content="a.example/m git https://git.example&#x2f;m">', [one]],
    [
      'references that are none',
      '<meta name="go-import" content="a.example/m git https://git.example/?a&b&amp;c">',
      ['a.example/m git https://git.example/?a&b&c'],
    ],
    ['a comment', `<!-- ${meta} -->`, []],
    ['CDATA', `<![CDATA[ <x a=< ]]>${meta}`, [one]],
    ['an unquoted value with a slash, which ends what is XML', `<x href=/a>${meta}`, []],
    [
      'what is no XML behind a tag',
      `<title>Page Not Found</title>${meta}<div style=position:relative>`,
      [one],
    ],
    ['a script with a comparison', `<script>if (a < b) c()</script>${meta}`, []],
    ['a comment with two dashes in it', `<!-- a -- b -->${meta}`, []],
    ['an XML declaration', `<?xml version="1.0" encoding="UTF-8"?>${meta}`, [one]],
    ['one of another version', `<?xml version="1.1"?>${meta}`, []],
    ['one of another charset', `<?xml version="1.0" encoding="ISO-8859-1"?>${meta}`, []],
    ['a mark of byte order', `\ufeff${meta}`, [one]],
    [
      'one in a value, to which it belongs',
      '<meta name=go-import content="\ufeffa.example/m git x">',
      ['\ufeffa.example/m git x'],
    ],
    ['a name that begins with a digit', `<1 >${meta}`, []],
    ['a name beyond ASCII', `<häd é="1">${meta}`, [one]],
    ['a character that XML does not have', `<a>\x01</a>${meta}`, []],
    ['the end in the middle of a tag', `${meta}<meta name="go-imp`, [one]],
    ['nothing', '', []],
  ])('%s', (_, page, tags) => {
    expect(read(page)).toEqual(tags);
  });

  test('text that is not UTF-8 ends what is XML', () => {
    const bytes = (before: string) =>
      Buffer.concat([Buffer.from(before), Buffer.from([0xe9]), Buffer.from(`</title>${meta}`)]);
    expect(read(bytes('<title>Caf'))).toEqual([]);
    expect(read(bytes(`${meta}<title>Caf`))).toEqual([one]);
  });

  test.each<[what: string, tags: string[], order: string[]]>([
    [
      'a proxy comes first',
      ['a.example git https://x/r', 'a.example/b mod https://x/p'],
      ['a.example/b mod https://x/p', 'a.example git https://x/r'],
    ],
    [
      'and shadows what has its prefix, behind it',
      ['a.example mod https://x/p', 'a.example git https://x/r'],
      ['a.example mod https://x/p'],
    ],
    [
      'and before it',
      ['a.example git https://x/r', 'a.example mod https://x/p'],
      ['a.example mod https://x/p'],
    ],
    [
      'two repositories of one prefix stay',
      ['a.example git https://x/r', 'a.example hg https://x/r'],
      ['a.example git https://x/r', 'a.example hg https://x/r'],
    ],
  ])('%s', (_, tags, order) => {
    expect(read(tags.map((text) => `<meta name="go-import" content="${text}">`).join(''))).toEqual(order);
  });

  test.each<[page: string, end: unknown]>([
    [`${meta}</head>`, 'head'],
    [`${meta}<body class="x">`, 'head'],
    [meta, 'page'],
    [`${meta}text`, 'page'],
    [`${meta}<!-- `, 'page'],
    ['<a b=/c>', { problem: 'expected /> in element' }],
  ])('of %s end as the page does', (page, end) => {
    expect(parseGoImports(Buffer.from(page)).end).toEqual(end);
  });

  test('are found in pages of the largest size without delay, however they are written', () => {
    const size = 1024 * 1024;
    for (const part of [
      '<a b="c">',
      '<a b=c d=e',
      ' a="b"',
      '&',
      '&#',
      '<!',
      '<![',
      '<!"',
      'x',
      '<!<',
      ']]',
      '<a:',
      '<?',
      meta,
    ]) {
      const began = performance.now();
      read(part.repeat(size / part.length));
      read(`<a ${part.repeat(size / part.length)}`);
      expect(performance.now() - began).toBeLessThan(5_000);
    }
  });

  test('no page makes it throw', () => {
    fc.assert(fc.property(anyText, (page) => Array.isArray(read(page))));
    fc.assert(fc.property(fc.uint8Array(), (page) => Array.isArray(read(page))));
  });
});

describe('the tag for a path', () => {
  const repo = 'https://git.example/r';

  test.each<[what: string, tags: string[], path: string, found: number]>([
    ['is the one with it as prefix', [`a.example/u/foo git ${repo}`], 'a.example/u/foo', 0],
    ['is that of what is above it', [`a.example/u/foo git ${repo}`], 'a.example/u/foo/bar', 0],
    [
      'is none of a longer name',
      [`a.example/u/foo git ${repo}`, `a.example/u/fooa git ${repo}`],
      'a.example/u/foo',
      0,
    ],
    [
      'is none of a shorter name',
      [`a.example/u/foo git ${repo}`, `a.example/u/fooa git ${repo}`],
      'a.example/u/fooa',
      1,
    ],
    [
      'may be a proxy beside a repository above it',
      [`a.example/p mod ${repo}`, `a.example git ${repo}`],
      'a.example/p/foo',
      0,
    ],
    [
      'may be a repository beside a proxy of another path',
      [`a.example/p mod ${repo}`, `a.example git ${repo}`],
      'a.example/other',
      1,
    ],
    ['may end with a slash', [`a.example/u/ git ${repo}`], 'a.example/u/foo', 0],
  ])('%s', (_, tags, path, found) => {
    expect(matchGoImport(tags.map(tag), path)).toEqual(tag(tags[found]!));
  });

  test.each<[what: string, tags: string[], path: string, problem: string]>([
    ['there is no tag', [], 'a.example', 'no go-import meta tag'],
    [
      'another host has them',
      [`a.example/u git ${repo}`],
      'b.a.example/u',
      'go-import meta tags for "a.example/u" alone',
    ],
    [
      'only longer paths have them',
      [`a.example/u git ${repo}`],
      'a.example',
      'go-import meta tags for "a.example/u" alone',
    ],
    [
      'many others have them',
      ['a', 'b', 'c', 'd'].map((name) => `${name}.example git ${repo}`),
      'e.example',
      'go-import meta tags for "a.example", "b.example", "c.example" and others alone',
    ],
    [
      'one is within another',
      [`a.example/u git ${repo}`, `a.example/u/v git ${repo}`],
      'a.example/u/v',
      'several go-import meta tags for this path',
    ],
    [
      'two differ in their folder',
      [`a.example/u git ${repo} sub`, `a.example/u git ${repo}`],
      'a.example/u',
      'several go-import meta tags for this path',
    ],
    [
      'two are proxies',
      [`a.example mod ${repo}`, `a.example/u mod ${repo}`],
      'a.example/u',
      'several go-import meta tags for this path',
    ],
  ])('does not exist where %s', (_, tags, path, problem) => {
    expect(matchGoImport(tags.map(tag), path)).toEqual({ problem });
  });
});
