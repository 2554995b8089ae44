import { dataLevel, type Tile } from './tile.ts';

/** What is answered to whoever asks a checksum database, ours or one that is passed on. */
export interface SumdbAnswer {
  readonly body: Buffer;
  readonly type: 'text/plain; charset=UTF-8' | 'application/octet-stream';
  /** Seconds for which others may keep it. */
  readonly maxAge: number;
}

const hour = 3600;
const day = 24 * hour;
const year = 365 * day;

/** That there is such a database here. */
export const supportedAnswer: SumdbAnswer = text(Buffer.alloc(0), hour);

export function latestAnswer(note: Buffer): SumdbAnswer {
  return text(note, 0);
}

/** A record never changes, but newer heads prove more with fewer tiles. */
export function lookupAnswer(body: Buffer): SumdbAnswer {
  return text(body, day);
}

/** A tile never changes, but its parts may not be there for ever. */
export function tileAnswer(tile: Tile, body: Buffer): SumdbAnswer {
  const maxAge = tile.width === 2 ** tile.height ? year : day;
  return tile.level === dataLevel ? text(body, maxAge) : { body, type: 'application/octet-stream', maxAge };
}

function text(body: Buffer, maxAge: number): SumdbAnswer {
  return { body, type: 'text/plain; charset=UTF-8', maxAge };
}
