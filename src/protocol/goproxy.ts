import { errorKinds, type StoaError } from '../errors.ts';
import type { FileKind, Target } from '../module/target.ts';
import type { Answered, Ask, Modules, Opened, Ready } from '../stash/modules.ts';
import { type Answer, plainText } from './answer.ts';
import {
  type Caching,
  changingCacheControl,
  failureCacheControl,
  fileCacheControl,
} from './cache-control.ts';
import { errorAnswer } from './failure.ts';

/**
 * Answers one request of the GOPROXY protocol (`go help goproxy`), at once where `modules` does. Failures are thrown,
 * or reject, as StoaErrors; `answerFailure` makes the answer of them.
 */
export function answerGoproxy(modules: Modules, target: Target, ask: Ask, caching: Caching): Ready<Answer> {
  switch (target.kind) {
    case 'list': {
      const listed = modules.list(target.path, ask);
      return listed instanceof Promise
        ? listed.then((answered) => changing(answered, plainText, ask, caching))
        : changing(listed, plainText, ask, caching);
    }
    case 'latest':
    case 'query': {
      const found = modules.query(target.path, 'query' in target ? target.query : 'latest', ask);
      return found instanceof Promise
        ? found.then((answered) => changing(answered, contentTypes.info, ask, caching))
        : changing(found, contentTypes.info, ask, caching);
    }
    default: {
      const { kind } = target;
      const opened = modules.open(target, kind, ask);
      return opened instanceof Promise
        ? opened.then((file) => stored(file, kind, caching))
        : stored(opened, kind, caching);
    }
  }
}

/** The answer to a request of the protocol that failed. */
export function answerFailure(error: StoaError, ask: Ask, caching: Caching): Answer {
  if (ask.cachedOnly === true) return errorAnswer(error);
  return errorAnswer(error, failureCacheControl(caching, errorKinds[error.kind].cacheSeconds));
}

const contentTypes: Readonly<Record<FileKind, string>> = {
  info: 'application/json',
  mod: plainText,
  zip: 'application/zip',
};

/**
 * What may change. An answer to "only what is stored" is never kept by a cache: the same URL without that wish has
 * another one.
 */
function changing(answered: Answered, contentType: string, ask: Ask, caching: Caching): Answer {
  return {
    status: 200,
    contentType,
    cacheControl: ask.cachedOnly === true ? 'no-store' : changingCacheControl(caching),
    headers: ageHeaders(answered),
    compress: true,
    body: answered.bytes,
    outcome: answered.outcome,
    source: answered.source,
  };
}

/** How old the answer is, and what is to be said of it: 110 is "stale", 199 anything else (RFC 7234, section 5.5). */
function ageHeaders({ ageSeconds, caveat, outcome }: Answered): readonly string[] | undefined {
  if (ageSeconds < 1 && caveat === undefined) return undefined;
  const age = ['Age', String(Math.floor(ageSeconds))];
  if (caveat === undefined) return age;
  const text = caveat.replace(/[^\x20-\x7e]|["\\]/g, '?').slice(0, maxWarningLength);
  return [...age, 'Warning', `${outcome === 'stale' ? 110 : 199} stoa "${text}"`];
}

const maxWarningLength = 200;

/** Bytes that are still being verified have no ETag and no ranges, and no cache in front may keep what may yet be cut. */
function stored(file: Opened, kind: FileKind, caching: Caching): Answer {
  return {
    status: 200,
    contentType: contentTypes[kind],
    cacheControl: file.stored ? fileCacheControl(caching, file.isVerified === true) : 'no-store',
    etag: file.stored ? file.etag : undefined,
    ranges: file.stored,
    compress: file.stored && kind !== 'zip',
    body: file.bytes ?? file,
    outcome: file.outcome,
    source: file.source,
  };
}
