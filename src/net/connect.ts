import type { Duplex } from 'node:stream';
import { Agent } from 'undici';
import { StoaError } from '../errors.ts';
import { portOf } from './authority.ts';
import { createDialer, type Dialer } from './dial.ts';
import { describeFailure } from './failure.ts';
import { createNamedHosts, privateRangeByName, refusal } from './guard.ts';
import type { HttpClientOptions } from './http.ts';
import { createLookup } from './lookup.ts';
import { createProxyChoice } from './proxy-env.ts';
import { createTrust } from './trust.ts';
import { openTunnel } from './tunnel.ts';

/** Connections for programs that speak for themselves, made as the HTTP client makes its own. */
export interface Connections {
  /**
   * A connection to the host of an http or https URL, at one of its addresses that may be dialled, or through the proxy
   * of its scheme; TLS is for whoever uses it. Throws as the client's `get`.
   */
  open(url: URL, signal: AbortSignal): Promise<Duplex>;
  /** Ends those to proxies that are not in use. */
  close(): Promise<void>;
}

export type ConnectOptions = Pick<
  HttpClientOptions,
  'namedHosts' | 'proxy' | 'extraCa' | 'now' | 'resolve'
> & { readonly connectMs: number };

/** Throws `config` for a named host, proxy or certificate that can't be one. */
export function createConnections(options: ConnectOptions): Connections {
  const { namedHosts = [], extraCa = [], connectMs, now = Date.now, resolve } = options;
  const { proxyFor, hosts } = createProxyChoice(options.proxy ?? {});
  const isNamed = createNamedHosts(namedHosts);
  const dial = createDialer({
    connectMs,
    isNamed: createNamedHosts([...namedHosts, ...hosts]),
    lookup: createLookup({ now, ...(resolve && { resolve }) }),
    trust: createTrust(extraCa),
  });
  const direct = new Agent({ allowH2: false, connect: dial });

  async function connect(url: URL): Promise<Duplex> {
    const proxy = proxyFor(url);
    if (proxy === undefined) return dialPlain(dial, url, connectMs);
    const range = privateRangeByName(url.hostname);
    if (range !== undefined && !isNamed(url.hostname, portOf(url))) throw refusal(url.host, range);
    return openTunnel({ proxy, direct, connectMs }, `${url.hostname}:${portOf(url)}`);
  }

  return {
    async open(url, signal) {
      const canceled = () => new StoaError('canceled', `${url.host}: canceled`, { cause: signal.reason });
      if (signal.aborted) throw canceled();
      const aborted = Promise.withResolvers<never>();
      const abort = () => aborted.reject(canceled());
      signal.addEventListener('abort', abort);
      const connecting = connect(url);
      try {
        return await Promise.race([connecting, aborted.promise]);
      } catch (error) {
        // It may come about after all.
        connecting.then(
          (late) => late.destroy(),
          () => undefined,
        );
        throw error;
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    close: () => direct.destroy(),
  };
}

function dialPlain(
  dial: Dialer,
  { hostname, port, protocol, host }: URL,
  connectMs: number,
): Promise<Duplex> {
  const target = {
    protocol: 'http:',
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: String(portOf({ protocol, port })),
  };
  return new Promise((resolve, reject) => {
    dial(target, (error, socket) => {
      if (error === null && socket !== null) return resolve(socket);
      const deadlines = { connectMs, firstByteMs: connectMs, idleMs: connectMs, totalMs: connectMs };
      reject(describeFailure(error, host, deadlines));
    });
  });
}
