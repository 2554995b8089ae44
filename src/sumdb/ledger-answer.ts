import type { Ledger } from './ledger.ts';
import type { SumdbTarget } from './target.ts';
import { dataLevel } from './tile.ts';

export interface LedgerAnswer {
  readonly body: Buffer;
  readonly type: 'text/plain; charset=UTF-8' | 'application/octet-stream';
  /** It will never be answered otherwise. */
  readonly isForEver: boolean;
}

/** What our own database answers. A look-up of a version that was not asked for before may take as long as fetching it. */
export async function answerLedger(
  ledger: Ledger,
  target: SumdbTarget,
  signal: AbortSignal,
): Promise<LedgerAnswer> {
  switch (target.kind) {
    case 'supported':
      return { body: Buffer.alloc(0), type: text, isForEver: false };
    case 'latest':
      return { body: await ledger.latest(signal), type: text, isForEver: false };
    case 'lookup':
      return { body: await ledger.record(target.version, signal), type: text, isForEver: false };
    case 'tile': {
      const type = target.tile.level === dataLevel ? text : 'application/octet-stream';
      return { body: await ledger.tile(target.tile, signal), type, isForEver: true };
    }
  }
}

const text = 'text/plain; charset=UTF-8';
