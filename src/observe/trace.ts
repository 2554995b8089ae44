import { randomBytes } from 'node:crypto';

/** Makes the trace ids of requests. */
export interface TraceIds {
  /**
   * The trace-id of a valid `traceparent` header (W3C Trace Context), else a new one: 32 lower-case hex digits, never
   * all zero, different from all others of this process and, as far as chance goes, of all processes.
   */
  next(traceparent?: string): string;
}

/**
 * A source of trace ids that costs no call of the random source per id: the left half is drawn once, the right half
 * is a counter whose bits are mixed, since samplers decide by it as if it were random.
 */
export function createTraceIds(random: (size: number) => Uint8Array = randomBytes): TraceIds {
  const seed = Buffer.from(random(16));
  seed[0]! |= 1;
  const prefix = seed.toString('hex', 0, 8);
  const [highSeed, lowSeed] = [seed.readUInt32LE(8), seed.readUInt32LE(12)];
  let count = 0;
  let carry = 0;
  return {
    next(traceparent) {
      if (traceparent !== undefined && isTraceparent(traceparent)) return traceparent.slice(3, 35);
      count = (count + 1) | 0;
      if (count === 0) carry = (carry + 1) | 0;
      const high = mix(count ^ highSeed) ^ mix(carry ^ lowSeed);
      return prefix + hex(high) + hex(mix(count ^ lowSeed));
    },
  };
}

/** https://www.w3.org/TR/trace-context/#traceparent-header: later versions may go on after the flags, with a dash. */
function isTraceparent(value: string): boolean {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/s.exec(value);
  if (match === null) return false;
  const [, version, trace, parent, rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return false;
  return /[1-9a-f]/.test(trace!) && /[1-9a-f]/.test(parent!);
}

/** A bijection of 32-bit numbers whose output looks random (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

const bytesInHex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hex(value: number): string {
  return (
    bytesInHex[value >>> 24]! +
    bytesInHex[(value >>> 16) & 255]! +
    bytesInHex[(value >>> 8) & 255]! +
    bytesInHex[value & 255]!
  );
}
