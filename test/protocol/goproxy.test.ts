import { describe, expect, it } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import { parseTarget } from '../../src/module/target.ts';
import type { Answer } from '../../src/protocol/answer.ts';
import { answerFailure, answerGoproxy } from '../../src/protocol/goproxy.ts';
import type { Answered, Ask, Modules, Opened } from '../../src/stash/modules.ts';

const ask: Ask = { asker: { address: '127.0.0.1' }, signal: AbortSignal.abort() };
const shared = { shared: true };

const answered: Answered = {
  bytes: Buffer.from('text'),
  ageSeconds: 0,
  outcome: 'hit',
  source: 'up.example.com',
};
const opened: Opened = {
  outcome: 'miss',
  size: 4,
  etag: '"h1:x-4"',
  stored: true,
  bytes: Buffer.from('file'),
  read: () => [] as never,
  close: async () => undefined,
};

/** Answers what it is given, and says what it was asked. */
function fake(list: Answered = answered, file: Opened = opened): Modules & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    list: (path) => {
      asked.push(`list ${path}`);
      return list;
    },
    query: (path, query) => {
      asked.push(`query ${path} ${query}`);
      return list;
    },
    open: (version, kind) => {
      asked.push(`open ${version.path}@${version.version} ${kind}`);
      return file;
    },
  };
}

function answerTo(
  path: string,
  modules: Modules = fake(),
  changes: Partial<Ask> = {},
  caching = shared,
): Answer {
  const answer = answerGoproxy(modules, parseTarget(path)!, { ...ask, ...changes }, caching);
  if (answer instanceof Promise) throw new Error('what is in memory is answered at once');
  return answer;
}

describe('the protocol', () => {
  it.each([
    ['example.com/m/@v/list', 'list example.com/m', 'text/plain; charset=utf-8'],
    ['example.com/m/@latest', 'query example.com/m latest', 'application/json'],
    ['example.com/m/@v/main.info', 'query example.com/m main', 'application/json'],
    ['example.com/m/@v/0123456789ab.info', 'query example.com/m 0123456789ab', 'application/json'],
    ['example.com/!m/@v/v1.0.0.info', 'open example.com/M@v1.0.0 info', 'application/json'],
    ['example.com/m/@v/v1.0.0.mod', 'open example.com/m@v1.0.0 mod', 'text/plain; charset=utf-8'],
    [
      'example.com/m/@v/v2.0.0+incompatible.zip',
      'open example.com/m@v2.0.0+incompatible zip',
      'application/zip',
    ],
    [
      'golang.org/toolchain/@v/v0.0.1-go1.27.0.linux-amd64.zip',
      'open golang.org/toolchain@v0.0.1-go1.27.0.linux-amd64 zip',
      'application/zip',
    ],
  ])('answers %s', (path, asked, contentType) => {
    const modules = fake();
    expect(answerTo(path, modules)).toMatchObject({ status: 200, contentType });
    expect(modules.asked).toEqual([asked]);
  });

  it('waits where the modules do, and passes their failures on', async () => {
    const modules: Modules = {
      list: async () => answered,
      query: async () => Promise.reject(new StoaError('timeout', 'slow')),
      open: async () => opened,
    };
    const later = (path: string) => answerGoproxy(modules, parseTarget(path)!, ask, shared);
    await expect(later('example.com/m/@v/list')).resolves.toMatchObject({ body: answered.bytes });
    await expect(later('example.com/m/@v/v1.0.0.mod')).resolves.toMatchObject({ body: opened.bytes });
    await expect(later('example.com/m/@latest')).rejects.toThrow('slow');
  });

  it('says where an answer came from', () => {
    expect(answerTo('example.com/m/@v/list')).toMatchObject({ outcome: 'hit', source: 'up.example.com' });
    expect(answerTo('example.com/m/@v/v1.0.0.zip')).toMatchObject({ outcome: 'miss', source: undefined });
  });

  it('hands over the open file where the content is not in memory', () => {
    const { bytes: _, ...file } = opened;
    expect(answerTo('example.com/m/@v/v1.0.0.zip', fake(answered, file)).body).toBe(file);
  });
});

describe('what caches may keep', () => {
  it('is a verified file for ever, where all clients may see the same', () => {
    const cacheControl = (caching: typeof shared, isVerified: boolean) =>
      answerTo('example.com/m/@v/v1.0.0.zip', fake(answered, { ...opened, isVerified }), {}, caching)
        .cacheControl;
    expect(cacheControl({ shared: true }, true)).toBe('public, max-age=31536000, immutable');
    expect(cacheControl({ shared: true }, false)).toBe('private, no-cache');
    expect(cacheControl({ shared: false }, true)).toBe('private, no-cache');
  });

  it('is a stored file only with its ETag', () => {
    expect(answerTo('example.com/m/@v/v1.0.0.mod')).toMatchObject({
      etag: '"h1:x-4"',
      ranges: true,
      compress: true,
    });
    expect(answerTo('example.com/m/@v/v1.0.0.zip').compress).toBe(false);
  });

  it('is nothing of a first download, whose end may never come', () => {
    const { etag: _, bytes: __, ...file } = opened;
    expect(answerTo('example.com/m/@v/v1.0.0.zip', fake(answered, { ...file, stored: false }))).toMatchObject(
      {
        cacheControl: 'no-store',
        etag: undefined,
        ranges: false,
      },
    );
  });

  it('is a list for a minute', () => {
    expect(answerTo('example.com/m/@v/list')).toMatchObject({
      cacheControl: 'public, max-age=60',
      headers: undefined,
    });
    expect(answerTo('example.com/m/@latest', fake(), {}, { ...shared, shared: false }).cacheControl).toBe(
      'private, max-age=60',
    );
  });

  it('is nothing of an answer from what is stored only, since its URL has another one', () => {
    expect(answerTo('example.com/m/@v/list', fake(), { cachedOnly: true }).cacheControl).toBe('no-store');
    const failure = answerFailure(new StoaError('notFound', 'm'), { ...ask, cachedOnly: true }, shared);
    expect(failure.cacheControl).toBe('no-store');
  });

  it('is a failure for as long as the table says', () => {
    const cacheControl = (error: StoaError, caching = shared) =>
      answerFailure(error, ask, caching).cacheControl;
    expect(cacheControl(new StoaError('notFound', 'm'))).toBe('public, max-age=60');
    expect(cacheControl(new StoaError('notFound', 'm'), { ...shared, shared: false })).toBe(
      'private, max-age=60',
    );
    expect(cacheControl(new StoaError('upstream', 'm'))).toBe('no-store');
  });
});

describe('an old answer', () => {
  it('says its age', () => {
    expect(answerTo('example.com/m/@v/list', fake({ ...answered, ageSeconds: 12.9 })).headers).toEqual([
      'Age',
      '12',
    ]);
  });

  it('says why it is old', () => {
    const list: Answered = { ...answered, outcome: 'stale', ageSeconds: 90, caveat: 'up.example.com: 502' };
    expect(answerTo('example.com/m/@v/list', fake(list)).headers).toEqual([
      'Age',
      '90',
      'Warning',
      '110 stoa "up.example.com: 502"',
    ]);
  });

  it('says what it lacks', () => {
    const list: Answered = { ...answered, caveat: 'only what is stored' };
    expect(answerTo('example.com/m/@v/list', fake(list)).headers).toContain('199 stoa "only what is stored"');
  });

  it('puts nothing into a header that could end it', () => {
    const list: Answered = { ...answered, outcome: 'stale', caveat: 'a\r\nSet-Cookie: "é\\' };
    expect(answerTo('example.com/m/@v/list', fake(list)).headers!.at(-1)).toBe(
      '110 stoa "a??Set-Cookie: ???"',
    );
  });
});
