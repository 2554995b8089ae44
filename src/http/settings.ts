import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { TraceIds } from '../observe/trace.ts';
import type { Caching } from '../protocol/cache-control.ts';
import type { Sumdb } from '../protocol/sumdb.ts';
import type { Modules } from '../stash/modules.ts';
import type { CertificateFiles } from './certificate.ts';
import type { LoopCheck } from './handler.ts';
import type { HomeOptions } from './home.ts';
import type { ListenAddress } from './listen.ts';
import type { Health } from './pages.ts';

/** What the server is told by the settings. */
export interface ServerSettings {
  readonly listen: ListenAddress;
  /** With it, TLS and HTTP/2. */
  readonly tls?: CertificateFiles & {
    /** Milliseconds between looks at the files for a new certificate. */
    readonly checkMs: number;
  };
  /** What all paths begin with: empty, or `/go`, without a slash at the end. */
  readonly prefix: string;
  readonly limits: ServerLimits;
  /** Addresses, networks and `unix`: peers whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly drain: {
    /** Milliseconds in which readyz fails already and new connections are still taken, so that a balancer notices. */
    readonly lingerMs: number;
    /** Milliseconds that running downloads have after it. */
    readonly timeoutMs: number;
  };
  readonly home: Omit<HomeOptions, 'prefix'>;
  /** False: `/metrics` is no page of this server. */
  readonly showsMetrics: boolean;
  /** The text of /robots.txt where it is not to keep all robots out. */
  readonly robots?: string;
}

export interface ServerLimits {
  /** Characters of a URL. */
  readonly maxUrlLength: number;
  /** Bytes of a request's head. */
  readonly maxHeaderBytes: number;
  /** Milliseconds in which a request's head, or a TLS handshake, must be complete. */
  readonly headerMs: number;
  /** Milliseconds after which a connection is closed that is idle, or whose client takes nothing of what is sent to it. */
  readonly idleMs: number;
  readonly maxConnections: number;
  /** Requests of one connection that may wait at once. */
  readonly maxRequestsPerConnection: number;
}

export interface ServerOptions {
  readonly settings: ServerSettings;
  readonly modules: Modules;
  readonly sumdb: Sumdb;
  readonly caching: Caching;
  readonly loop: LoopCheck;
  readonly health: () => Promise<Health>;
  /** What `/version` tells. */
  readonly version: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly traceIds: TraceIds;
  /** Told of each file that was served, by its storage key; on the path of every hit. */
  readonly served: (key: string) => void;
  /** Milliseconds that only grow. */
  readonly clock?: () => number;
}
