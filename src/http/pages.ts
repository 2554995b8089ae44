import { StoaError } from '../errors.ts';
import type { Metrics } from '../observe/metrics.ts';
import { type Answer, plainText } from '../protocol/answer.ts';
import type { Ready } from '../stash/modules.ts';
import type { Incoming } from './exchange.ts';
import { createHome, type HomeOptions } from './home.ts';
import type { PageName } from './routes.ts';

/** Whether the server can do its work. */
export interface Health {
  /** False when it can't answer requests at all. */
  readonly ready: boolean;
  /** `ok`, `degraded: …`, or why it is not ready: one line. */
  readonly text: string;
}

export interface PagesOptions {
  readonly home: HomeOptions;
  /** What `/version` tells, as JSON. */
  readonly version: Readonly<Record<string, string>>;
  /** What `/robots.txt` says; by default that robots stay out. */
  readonly robots?: string;
  readonly health: () => Promise<Health>;
  readonly metrics: Metrics;
  /** False: `/metrics` is no page of this server. */
  readonly showsMetrics: boolean;
  /** True from the moment the server was told to stop. */
  readonly isDraining: () => boolean;
}

/** Answers for the pages beside the protocol. Failures are thrown as StoaErrors. */
export function createPages(options: PagesOptions): (page: PageName, incoming: Incoming) => Ready<Answer> {
  const { version, health, metrics, showsMetrics, isDraining } = options;
  const robots = options.robots ?? 'User-agent: *\nDisallow: /\n';
  const home = createHome(options.home);
  const homeHeaders = options.home.template === undefined ? ownPageHeaders : [];
  return (page, incoming) => {
    switch (page) {
      case 'home':
        return { ...text(home(incoming), 'text/html; charset=utf-8', 'no-cache'), headers: homeHeaders };
      case 'healthz':
        return text('ok\n');
      case 'readyz':
        if (isDraining()) throw new StoaError('draining', 'the server is shutting down');
        return health().then(readiness);
      case 'version':
        return text(`${JSON.stringify(version)}\n`, 'application/json');
      case 'robots':
        return text(robots, plainText, 'public, max-age=3600');
      case 'metrics':
        if (!showsMetrics) throw new StoaError('notFound', 'metrics are turned off here (metrics.enabled)');
        return metrics.render().then((rendered) => text(rendered.text, rendered.contentType));
    }
  };
}

/** Nothing is loaded, and nobody puts the page into a frame. */
const ownPageHeaders = [
  'Content-Security-Policy',
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
];

function readiness({ ready, text: said }: Health): Answer {
  if (ready) return text(`${said}\n`);
  throw new StoaError('storage', said);
}

function text(body: string, contentType = plainText, cacheControl = 'no-store'): Answer {
  return { status: 200, contentType, cacheControl, body: Buffer.from(body) };
}
