import { Agent, type buildConnector, type Dispatcher } from 'undici';
import { portOf } from './authority.ts';
import type { Dialer } from './dial.ts';
import type { Deadlines } from './failure.ts';
import { privateRangeByName, refusal } from './guard.ts';
import { openTunnel, proxyAuthorization } from './tunnel.ts';

/** How one URL is asked for: on which connections, and with which words. */
export interface Way {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  readonly path: string;
  /** Headers the way itself needs. */
  readonly headers: Readonly<Record<string, string>>;
  /** The proxy in between, as `host:port`. */
  readonly proxy?: string;
  /** Keeps undici from making a new connection to the proxy for every other Host header. */
  readonly servername?: string;
}

/** Kept connections, per host. */
export interface Pool {
  /** Throws `upstream` for an address that must not be asked for. Whose certificate an insecure way meets is not looked at. */
  way(url: URL, insecure?: boolean): Way;
  /** Ends all connections, busy ones too. */
  close(): Promise<void>;
}

export interface PoolOptions {
  /** Allows the addresses of proxies. */
  readonly dial: Dialer;
  /** The same for hosts whose certificate may be anybody's. */
  readonly dialAnybody: Dialer;
  readonly isNamed: (hostname: string, port: number) => boolean;
  readonly proxyFor: (url: URL) => URL | undefined;
  readonly deadlines: Deadlines;
  /** Connections to one host, or to one proxy for all http URLs; more requests wait for one. */
  readonly connectionsPerHost: number;
}

/**
 * HTTP/1.1 connections that are kept for half a minute, or for as long as the host says. Through a proxy,
 * https goes in a tunnel (CONNECT), and http as a request for the whole URL, since many proxies tunnel to
 * port 443 only. The proxy looks the names up then, so hosts can only be checked by how they are written.
 */
export function createPool(options: PoolOptions): Pool {
  const { isNamed, proxyFor, deadlines, connectionsPerHost } = options;
  const settings = {
    allowH2: false,
    connections: connectionsPerHost,
    keepAliveTimeout: 30_000,
    pipelining: 1,
  };
  const checked = open(options.dial);
  const unchecked = open(options.dialAnybody);

  /** Connections that are made by this dialer. */
  function open(dial: Dialer) {
    return { dial, direct: new Agent({ ...settings, connect: dial }), tunnels: new Map<string, Agent>() };
  }

  function tunnelThrough(proxy: URL, { tunnels, dial }: ReturnType<typeof open>): Agent {
    const known = tunnels.get(proxy.href);
    if (known) return known;
    const connect = createTunnel({ proxy, direct: checked.direct, dial, deadlines });
    const agent = new Agent({ ...settings, connect });
    tunnels.set(proxy.href, agent);
    return agent;
  }

  return {
    way(url, insecure = false) {
      const connections = insecure ? unchecked : checked;
      const path = url.pathname + url.search;
      const proxy = proxyFor(url);
      if (proxy === undefined)
        return { dispatcher: connections.direct, origin: url.origin, path, headers: {} };
      const range = privateRangeByName(url.hostname);
      if (range !== undefined && !isNamed(url.hostname, portOf(url))) throw refusal(url.host, range);
      if (url.protocol === 'https:') {
        const dispatcher = tunnelThrough(proxy, connections);
        return { dispatcher, origin: url.origin, path, headers: {}, proxy: proxy.host };
      }
      const headers = { host: url.host, ...proxyAuthorization(proxy) };
      const { origin, host, hostname } = proxy;
      return {
        dispatcher: checked.direct,
        origin,
        path: url.origin + path,
        headers,
        proxy: host,
        servername: hostname,
      };
    },

    async close() {
      const agents = [checked, unchecked].flatMap(({ direct, tunnels }) => [direct, ...tunnels.values()]);
      await Promise.all(agents.map((agent) => agent.destroy()));
    },
  };
}

/** Connects through a proxy. undici would try for ever to connect again after the error of a socket. */
function createTunnel(parts: { proxy: URL; direct: Agent; dial: Dialer; deadlines: Deadlines }): Dialer {
  const { proxy, direct, dial, deadlines } = parts;
  return (target, callback) => {
    const host = `${target.host?.replace(/:\d+$/, '')}:${portOf(target)}`;
    openTunnel({ proxy, direct, connectMs: deadlines.connectMs }, host).then(
      (socket) => {
        const httpSocket = socket as NonNullable<buildConnector.Options['httpSocket']>;
        dial({ ...target, httpSocket }, callback);
      },
      (error) => callback(error, null),
    );
  };
}
