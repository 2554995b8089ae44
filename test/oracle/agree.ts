import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { isStoaError } from '../../src/errors.ts';
import type { Answer, Oracle, Question } from './oracle.ts';

/** One function of ours beside the oracle's of the same meaning. */
export interface Comparison<T> {
  readonly cases: fc.Arbitrary<T>;
  readonly question: (input: T) => Question;
  /** What ours says, in the form of the oracle's answer; a StoaError stands for the oracle's error. */
  readonly ours: (input: T) => unknown;
}

/**
 * Asks both about `count` generated cases and fails at the first difference, with the question, both answers and the
 * seed. Cases go to the oracle fifty at a time, since a pipe costs more than an answer.
 */
export async function expectAgreement<T>(oracle: Oracle, count: number, comparison: Comparison<T>) {
  await judge(oracle, count, comparison, (input, answer) => {
    const ours = attempt(() => comparison.ours(input));
    if (!isDeepStrictEqual(ours, 'error' in answer ? failed : answer))
      return `ours says ${JSON.stringify(ours)}`;
    return undefined;
  });
}

/** As `expectAgreement`, for a rule of its own: `judgement` says what is wrong with the oracle's answer, or undefined. */
export async function judge<T>(
  oracle: Oracle,
  count: number,
  { cases, question }: Pick<Comparison<T>, 'cases' | 'question'>,
  judgement: (input: T, answer: Answer) => string | undefined,
) {
  const batch = fc.array(cases, { minLength: batchSize, maxLength: batchSize });
  const property = fc.asyncProperty(batch, async (inputs) => {
    const answers = await oracle.ask(inputs.map(question));
    for (const [i, input] of inputs.entries()) {
      const wrong = judgement(input, answers[i]!);
      if (wrong === undefined) continue;
      const asked = JSON.stringify(question(input));
      throw new Error(`to ${asked} the oracle says ${JSON.stringify(answers[i])}, ${wrong}`);
    }
  });
  await fc.assert(property, { numRuns: Math.ceil(count / batchSize), asyncReporter: reportBriefly });
}

const batchSize = 50;
const failed = { error: 'an error' };

function attempt(ours: () => unknown): unknown {
  try {
    return { ok: ours() };
  } catch (error) {
    if (isStoaError(error)) return failed;
    throw error;
  }
}

/** The failing case and the seed, without the forty-nine cases beside it and the thousand that shrinking tried. */
async function reportBriefly(run: { failed: boolean; seed: number; errorInstance: unknown | null }) {
  if (!run.failed) return;
  const cause = run.errorInstance instanceof Error ? run.errorInstance.message : String(run.errorInstance);
  throw new Error(`${cause}\nreplay with { seed: ${run.seed} }`);
}
