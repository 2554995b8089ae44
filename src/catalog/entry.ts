/** What the house tells its catalog: each is one line of the outbox. All of them can be applied again without harm. */
import type { ModuleVersion } from '../module/version.ts';

/** A version that is stored, and what is known of it. */
export interface Published extends ModuleVersion {
  /** Bytes of the zip; absent where only its hash is stored. */
  readonly size?: number;
  readonly h1: string;
  /** The h1 of its go.mod, as go.sum has it. */
  readonly modH1?: string;
  /** Where it was fetched from; absent where that is not known any more. */
  readonly source?: string;
  /** The database or ledger that vouches for it; `pending`: is to be asked; absent: nobody is asked for it. */
  readonly verified?: string;
}

/** Something that somebody may have to look at. */
interface Happened {
  /** A fixed short word, as in the metrics: `mismatch`, `moved_tag`. */
  readonly kind: string;
  readonly module?: ModuleVersion;
  /** One line. */
  readonly text: string;
  /** Facts for programs. */
  readonly detail?: Readonly<Record<string, string>>;
}

/** Work to be done later, at least once; the kind says by whom, the key what for. */
export interface JobRequest {
  readonly kind: string;
  /** There is one job of a kind for one key. */
  readonly key: string;
  /** JSON of at most 16 KiB. */
  readonly payload?: unknown;
  /** Milliseconds since 1970 before which it does not begin. */
  readonly notBefore?: number;
}

/** `at` is the time it happened, in milliseconds since 1970. */
export type Entry = { readonly at: number } & (
  | ({ readonly type: 'version' } & Published)
  /** The content with this h1 was vouched for. */
  | ({ readonly type: 'verified'; readonly h1: string; readonly by: string } & ModuleVersion)
  /** What was stored until then was taken away; not so the content with this h1. */
  | ({ readonly type: 'gone'; readonly except?: string } & ModuleVersion)
  /** `id` is one for good. */
  | ({ readonly type: 'event'; readonly id: string } & Happened)
  | ({ readonly type: 'job' } & JobRequest)
);

/** Longest texts of rows, so that every database takes them. */
export const bounds = {
  word: 64,
  name: 255,
  path: 512,
  version: 255,
  key: 768,
  text: 2000,
  json: 16 * 1024,
} as const;

/** The entry as one line without its newline; what is longer than the bounds is cut, or left out where a part of it means nothing. */
export function formatEntry(entry: Entry): string {
  switch (entry.type) {
    case 'event': {
      const { detail, ...rest } = entry;
      const text = entry.text.replace(/\s+/g, ' ').slice(0, bounds.text);
      return JSON.stringify({ ...rest, text, ...(fits(detail) && { detail }) });
    }
    case 'version': {
      const { source, ...rest } = entry;
      return JSON.stringify({
        ...rest,
        ...(source !== undefined && { source: source.slice(0, bounds.name) }),
      });
    }
    default:
      return JSON.stringify(entry);
  }
}

/** The entry of a line; undefined for a line that no `formatEntry` writes. */
export function parseEntry(line: string): Entry | undefined {
  let entry: Readonly<Record<string, unknown>> & Partial<Entry>;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof entry !== 'object' || entry === null || !Number.isSafeInteger(entry.at)) return undefined;
  return isWhole(entry as Entry) ? (entry as Entry) : undefined;
}

function isWhole(entry: Entry): boolean {
  switch (entry.type) {
    case 'version':
      return (
        isModule(entry) &&
        isText(entry.h1, bounds.name) &&
        (entry.size === undefined || Number.isSafeInteger(entry.size)) &&
        [entry.modH1, entry.source, entry.verified].every((text) => isOptional(text, bounds.name))
      );
    case 'verified':
      return isModule(entry) && isText(entry.h1, bounds.name) && isText(entry.by, bounds.name);
    case 'gone':
      return isModule(entry) && isOptional(entry.except, bounds.name);
    case 'event':
      return (
        isText(entry.id, bounds.word) &&
        isText(entry.kind, bounds.word) &&
        isText(entry.text, bounds.text) &&
        (entry.module === undefined || isModule(entry.module)) &&
        fits(entry.detail)
      );
    case 'job':
      return (
        isText(entry.kind, bounds.word) &&
        isText(entry.key, bounds.key) &&
        fits(entry.payload) &&
        (entry.notBefore === undefined || Number.isSafeInteger(entry.notBefore))
      );
    default:
      return false;
  }
}

function isModule(module: ModuleVersion | null): boolean {
  return isText(module?.path, bounds.path) && isText(module?.version, bounds.version);
}

function isText(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.length <= max;
}

function isOptional(value: unknown, max: number): boolean {
  return value === undefined || isText(value, max);
}

function fits(value: unknown): boolean {
  return value === undefined || JSON.stringify(value).length <= bounds.json;
}
