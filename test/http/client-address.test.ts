import { describe, expect, it } from 'vitest';
import { createAskerOf } from '../../src/http/client-address.ts';
import type { Incoming } from '../../src/http/exchange.ts';

function addressOf(trusted: readonly string[], peer: string | undefined, forwarded?: string): string {
  const incoming = { headers: { 'x-forwarded-for': forwarded }, socket: { remoteAddress: peer } };
  return createAskerOf(trusted)(incoming as unknown as Incoming).address;
}

describe('the address of who asks', () => {
  it('is that of the peer', () => {
    expect(addressOf([], '192.0.2.1')).toBe('192.0.2.1');
    expect(addressOf([], '::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(addressOf([], '2001:db8::1')).toBe('2001:db8::1');
    expect(addressOf([], undefined)).toBe('unix');
  });

  it('is not what a stranger writes into X-Forwarded-For', () => {
    expect(addressOf([], '192.0.2.1', '10.0.0.1')).toBe('192.0.2.1');
    expect(addressOf(['10.0.0.0/8'], '192.0.2.1', '10.0.0.1')).toBe('192.0.2.1');
  });

  it.each([
    ['the last hop that no trusted proxy is', '198.51.100.7, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['not what the client wrote before it', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
    ['the first hop where all are trusted', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['the last that made sense', 'unknown, 10.0.0.2', '10.0.0.2'],
    ['the proxy where nothing does', 'garbage', '10.0.0.1'],
    ['the proxy where there is none', '', '10.0.0.1'],
    ['an IPv6 address too', '2001:db8::5', '2001:db8::5'],
  ])('is %s, behind a trusted proxy', (_, forwarded, address) => {
    expect(addressOf(['10.0.0.0/8'], '10.0.0.1', forwarded)).toBe(address);
  });

  it('is told by a trusted proxy on the unix socket', () => {
    expect(addressOf(['unix'], undefined, '203.0.113.9')).toBe('203.0.113.9');
    expect(addressOf(['10.0.0.1'], undefined, '203.0.113.9')).toBe('unix');
  });

  it('is told by a trusted IPv6 network', () => {
    expect(addressOf(['2001:db8::/32'], '2001:db8::1', '203.0.113.9')).toBe('203.0.113.9');
  });
});

describe('the trusted proxies', () => {
  it.each(['proxy.example.com', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', '', '::1/129'])(
    'are refused where one is "%s"',
    (name) => {
      expect(() => createAskerOf([name])).toThrow(`trusted proxy "${name}"`);
    },
  );
});
