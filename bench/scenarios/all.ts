import type { Bench } from '../bench.ts';
import { besideRows, runBeside } from './beside.ts';
import { runBig } from './big.ts';
import { coldZipRows, runColdMod, runColdZips } from './cold.ts';
import { crowdRows, runCrowds } from './crowd.ts';
import { directRows, runDirect } from './direct.ts';
import { runGo } from './go.ts';
import { hotRowNames, runHot } from './hot.ts';
import { ledgerRows, runLedger } from './ledger.ts';
import { runStart } from './start.ts';
import { runSumdb, sumdbRows } from './sumdb.ts';

/** What can be measured, and the rows of the table it fills. */
export interface Scenario {
  readonly rows: readonly string[];
  readonly run: (bench: Bench) => Promise<void>;
}

/** All scenarios, in the order they run. */
export const scenarios: readonly Scenario[] = [
  { rows: hotRowNames, run: runHot },
  { rows: ['cold-mod'], run: runColdMod },
  { rows: coldZipRows, run: runColdZips },
  { rows: crowdRows, run: runCrowds },
  { rows: besideRows, run: runBeside },
  { rows: ['big'], run: runBig },
  { rows: directRows, run: runDirect },
  { rows: sumdbRows, run: runSumdb },
  { rows: ['go'], run: runGo },
  { rows: ledgerRows, run: runLedger },
  { rows: ['start'], run: runStart },
];
