/** The tables as Kysely sees them; migrations.ts makes them. Times are milliseconds since 1970 where the name says nothing else. */
import type { Kysely } from 'kysely';
import type { JobState } from './catalog.ts';

export interface Tables {
  readonly versions: {
    readonly path: string;
    readonly version: string;
    readonly size: number | null;
    readonly h1: string;
    readonly mod_h1: string | null;
    readonly source: string | null;
    readonly verified: string | null;
    readonly first_seen: number;
    readonly last_asked: number | null;
    readonly indexed_us: number;
  };
  readonly events: {
    readonly id: string;
    readonly at: number;
    readonly kind: string;
    readonly path: string | null;
    readonly version: string | null;
    readonly text: string;
    /** JSON. */
    readonly detail: string;
  };
  readonly jobs: {
    readonly kind: string;
    readonly job_key: string;
    readonly state: JobState;
    /** JSON. */
    readonly payload: string;
    readonly not_before: number;
    readonly attempts: number;
    readonly last_error: string | null;
    readonly owner: string | null;
    readonly lease_until: number | null;
    readonly added_at: number;
  };
  /** How far each segment of an outbox is applied. */
  readonly segments: {
    readonly segment: string;
    readonly bytes: number;
    readonly applied_at: number;
  };
  /** One row, `index`: the last index timestamp. Whoever gives out the next ones holds its lock until the commit. */
  readonly clock: {
    readonly name: string;
    readonly value: number;
  };
  /** One row: the number of migrations that were run. */
  readonly stoa_schema: {
    readonly version: number;
  };
}

export type Db = Kysely<Tables>;
