import { StoaError } from '../errors.ts';
import type { Address, Network } from './address.ts';
import { contains, parseAddress, parseNetwork } from './address.ts';
import { portOf } from './authority.ts';

/** The values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
export interface ProxySettings {
  /** For http URLs: a URL, or `host:port` for an http one. */
  readonly http?: string;
  /** For https URLs. */
  readonly https?: string;
  /** Hosts asked directly, separated by commas. */
  readonly no?: string;
}

/**
 * Takes the settings out of an environment; of the two spellings of a name the upper-case one wins unless it
 * is empty.
 */
export function proxySettings(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const http = env.HTTP_PROXY || env.http_proxy;
  const https = env.HTTPS_PROXY || env.https_proxy;
  const no = env.NO_PROXY || env.no_proxy;
  return { ...(http && { http }), ...(https && { https }), ...(no && { no }) };
}

/** Which proxy is asked for what. */
export interface ProxyChoice {
  /** The proxy to ask for a URL; undefined to ask its host itself. */
  proxyFor(url: URL): URL | undefined;
  /** The proxies there are, as `host:port`. */
  readonly hosts: readonly string[];
}

/**
 * Chooses proxies with the rules of golang.org/x/net/http/httpproxy, which developers know from the go
 * command. `NO_PROXY` entries: an IP address, a CIDR, a name (also its subdomains), `.name` or `*.name` (only
 * its subdomains), each but a CIDR with an optional `:port`, or `*`. localhost and loopback addresses are
 * never proxied. Throws `config` for a proxy that is no http or https URL.
 */
export function createProxyChoice(settings: ProxySettings): ProxyChoice {
  const http = parseProxy('HTTP_PROXY', settings.http);
  const https = parseProxy('HTTPS_PROXY', settings.https);
  const isExempt = parseNoProxy(settings.no ?? '');

  function proxyFor(url: URL): URL | undefined {
    const proxy = url.protocol === 'https:' ? https : http;
    if (proxy === undefined || url.hostname === 'localhost') return undefined;
    const address = parseAddress(url.hostname);
    if (address !== undefined && loopbacks.some((network) => contains(network, address))) return undefined;
    return isExempt({ name: url.hostname, port: portOf(url), address }) ? undefined : proxy;
  }

  const hosts = [http, https].flatMap((proxy) => (proxy ? [`${proxy.hostname}:${portOf(proxy)}`] : []));
  return { proxyFor, hosts };
}

function parseProxy(name: string, value: string | undefined): URL | undefined {
  if (!value) return undefined;
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new StoaError('config', `${name}: not a proxy: it must be host:port, or an http or https URL`);
  }
  return url;
}

/** A host that is about to be asked. */
interface Target {
  readonly name: string;
  readonly port: number;
  readonly address: Address | undefined;
}

type Matcher = (target: Target) => boolean;

function parseNoProxy(text: string): Matcher {
  const entries = text
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '');
  if (entries.includes('*')) return () => true;
  const matchers = entries.map(parseEntry).filter((matcher) => matcher !== undefined);
  return (target) => matchers.some((matches) => matches(target));
}

function parseEntry(entry: string): Matcher | undefined {
  const network = parseNetwork(entry);
  if (network !== undefined) return ({ address }) => address !== undefined && contains(network, address);
  const { host, port } = splitPort(entry);
  const atPort = (target: Target) => port === undefined || port === String(target.port);
  const address = host.startsWith('[') ? undefined : parseAddress(host);
  if (address !== undefined) {
    return (target) =>
      target.address?.family === address.family && target.address.value === address.value && atPort(target);
  }
  const name = toAscii(host.startsWith('*.') ? host.slice(1) : host);
  if (name === '') return undefined;
  const suffix = name.startsWith('.') ? name : `.${name}`;
  return (target) =>
    target.address === undefined && (target.name === name || target.name.endsWith(suffix)) && atPort(target);
}

/** As Go's net.SplitHostPort where that succeeds, else the whole text as the host. */
function splitPort(entry: string): { readonly host: string; readonly port?: string } {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(entry);
  if (match === null) return { host: entry };
  const host = match[1] ?? match[2]!;
  return match[3] === '' ? { host } : { host, port: match[3]! };
}

/** Punycode, since `URL.hostname` is; the text itself where it is no name. */
function toAscii(name: string): string {
  const dot = name.startsWith('.') ? '.' : '';
  const text = `http://${name.slice(dot.length)}/`;
  return /^[\x21-\x7e]*$/.test(name) || !URL.canParse(text) ? name : `${dot}${new URL(text).hostname}`;
}

const loopbacks = ['127.0.0.0/8', '::1/128'].map((text) => parseNetwork(text) as Network);
