import type { Duplex } from 'node:stream';
import type { Agent } from 'undici';
import { StoaError } from '../errors.ts';
import { userinfoOf } from './authority.ts';
import { describeFailure } from './failure.ts';
import { formatBasic } from './login.ts';

/** How a proxy is reached. */
export interface TunnelParts {
  readonly proxy: URL;
  /** Dials the proxy. */
  readonly direct: Agent;
  readonly connectMs: number;
}

/**
 * A connection through a proxy to `host:port` (CONNECT). Failures are described here, where it is known that the proxy is
 * to blame.
 */
export async function openTunnel({ proxy, direct, connectMs }: TunnelParts, host: string): Promise<Duplex> {
  const request = {
    origin: proxy.origin,
    path: host,
    headers: { host, ...proxyAuthorization(proxy) },
    headersTimeout: connectMs,
  };
  const { statusCode, socket } = await direct.connect(request).catch((error: unknown) => {
    const deadlines = { connectMs, firstByteMs: connectMs, idleMs: connectMs, totalMs: connectMs };
    throw describeFailure(error, `proxy ${proxy.host}`, deadlines);
  });
  if (statusCode >= 200 && statusCode < 300) return socket;
  socket.on('error', () => {}).destroy();
  throw proxyRefusal(proxy.host, host, statusCode);
}

/** The error for a proxy that would not go on to `host`. */
export function proxyRefusal(proxy: string, host: string, status: number): StoaError {
  const reason = status === 407 ? 'wants a login' : `refused to connect to ${host}`;
  return new StoaError('upstream', `proxy ${proxy}: ${reason} (status ${status})`);
}

export function proxyAuthorization(proxy: URL): Record<string, string> {
  const login = userinfoOf(proxy);
  return login === undefined ? {} : { 'proxy-authorization': formatBasic(login.username, login.password) };
}
