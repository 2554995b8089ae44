// Tests may dial only this machine: anything else fails at once, so that no test depends on somebody else's day.
import { Socket } from 'node:net';

const connect = Socket.prototype.connect;

Socket.prototype.connect = function guarded(this: Socket, ...args: unknown[]): Socket {
  const host = hostOf(args);
  if (host !== undefined && !isLoopback(host)) {
    throw new Error(`a test tried to dial ${host}; tests dial only what they opened on loopback`);
  }
  return Reflect.apply(connect, this, args);
} as typeof connect;

/** The host of any form of connect's arguments; undefined for a local socket or the default host. */
function hostOf(args: unknown[]): string | undefined {
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  if (typeof first === 'object' && first !== null) {
    const options = first as { path?: string; host?: string };
    return options.path === undefined ? options.host : undefined;
  }
  return typeof second === 'string' ? second : undefined;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
