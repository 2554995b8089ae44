/**
 * The contract of a catalog: an SQL database of what storage cannot answer fast. It follows storage and never leads
 * it: what it lacks is found there, and nothing that is served waits for it. One conformance suite
 * (test/conformance/catalog.ts) holds for every database.
 *
 * A database that cannot be read or written throws a StoaError of kind `catalog`, within seconds; `config` says that
 * its schema is of a newer version. After an abort (`canceled`) a write may still happen.
 */
import type { ModuleVersion } from '../module/version.ts';
import type { Entry } from './entry.ts';

export interface Catalog {
  /**
   * Applies entries in their order, all of them or none. With a `position` they are the bytes `from` to `to` of a
   * segment of an outbox, and are applied only where all before them were, and they were not: exactly once, whoever
   * tries.
   */
  apply(entries: readonly Entry[], position?: Position, signal?: AbortSignal): Promise<Applied>;
  /** Notes that the versions were asked for, at a time. Those that have no row are passed over. */
  asked(versions: readonly ModuleVersion[], at: number, signal?: AbortSignal): Promise<void>;
  /** Rows in the order of their index timestamps. */
  versions(filter: VersionFilter, signal?: AbortSignal): Promise<readonly VersionRow[]>;
  /** Those of the versions that have no row. */
  missing(versions: readonly ModuleVersion[], signal?: AbortSignal): Promise<readonly ModuleVersion[]>;
  /** Events, the newest first. */
  events(filter: EventFilter, signal?: AbortSignal): Promise<readonly EventRow[]>;
  /** Removes what is too old to be of use: events after a year, failed jobs and positions of outboxes after a month. */
  prune(signal?: AbortSignal): Promise<void>;
  readonly jobs: Jobs;
}

/** The queue of work to be done later. A job is added by an entry, and is gone when it is done. */
export interface Jobs {
  /** Takes jobs that are due, for as long as the lease says; nobody else gets them meanwhile. */
  claim(claim: Claim, signal?: AbortSignal): Promise<readonly ClaimedJob[]>;
  /** Extends the lease of every job that this owner still has, and answers which these are. */
  renew(owner: string, leaseMs: number, signal?: AbortSignal): Promise<readonly JobName[]>;
  /** Says how a job ended. False, and nothing changed, where it is not the owner's any more. */
  settle(owner: string, job: JobName, outcome: Outcome, signal?: AbortSignal): Promise<boolean>;
  /** Jobs, those first that are due first. */
  list(filter: JobFilter, signal?: AbortSignal): Promise<readonly JobRow[]>;
  count(signal?: AbortSignal): Promise<Readonly<Record<JobState, number>>>;
}

/** A piece of an outbox. */
export interface Position {
  readonly segment: string;
  readonly from: number;
  readonly to: number;
}

export interface Applied {
  /** False: they are not the next ones of the segment, and nothing was changed. */
  readonly done: boolean;
  /** Up to where the segment is applied now. */
  readonly reached: number;
}

/** A stored version. Times are milliseconds since 1970. */
export interface VersionRow extends ModuleVersion {
  readonly size: number | null;
  readonly h1: string;
  readonly modH1: string | null;
  readonly source: string | null;
  /** The database or ledger that vouches for it, `pending`, or null. */
  readonly verified: string | null;
  readonly firstSeen: number;
  readonly lastAsked: number | null;
  /** Microseconds since 1970: no two rows have the same, and a row that is committed later has a greater one. */
  readonly indexedUs: number;
}

interface VersionFilter {
  readonly path?: string;
  readonly verified?: string;
  /** Inclusive. */
  readonly sinceUs?: number;
  readonly limit: number;
}

export interface EventRow {
  readonly id: string;
  readonly at: number;
  readonly kind: string;
  readonly path: string | null;
  readonly version: string | null;
  readonly text: string;
  readonly detail: Readonly<Record<string, string>>;
}

interface EventFilter {
  readonly kind?: string;
  readonly path?: string;
  /** Inclusive. */
  readonly since?: number;
  readonly limit: number;
}

/** `failed`: it was tried as often as it may be, and stays until it is asked for again. */
export type JobState = 'waiting' | 'running' | 'failed';

export interface JobName {
  readonly kind: string;
  readonly key: string;
}

export interface JobRow extends JobName {
  readonly state: JobState;
  readonly payload: unknown;
  /** How often it was begun. */
  readonly attempts: number;
  readonly notBefore: number;
  readonly lastError: string | null;
  readonly owner: string | null;
  readonly leaseUntil: number | null;
  readonly addedAt: number;
}

interface JobFilter {
  readonly kind?: string;
  readonly state?: JobState;
  readonly limit: number;
}

export interface Claim {
  readonly kinds: readonly string[];
  /** Who takes them, by a name that nobody else has. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly limit: number;
}

export interface ClaimedJob extends JobName {
  readonly payload: unknown;
  /** How often it was begun, this time included. */
  readonly attempts: number;
}

/** `released`: it is to be begun again as if it had not been. */
export type Outcome =
  | { readonly state: 'done' | 'released' }
  | { readonly state: 'waiting'; readonly error: string; readonly notBefore: number }
  | { readonly state: 'failed'; readonly error: string };
