/**
 * Lets the work of misses go on in small pieces, a few in each turn of the event loop, so that the hits of a turn never stand
 * behind a crowd of answers that came at once. Calls back when it is the caller's turn; `await new Promise(turns)` waits for it.
 */
export type Turns = (pass: () => void) => void;

/** A piece is a chunk of a download or the handling of one answer: well below a millisecond. */
const piecesPerTurn = 2;

/** First come, first served. Who waits is bounded by the caller: a download or question waits with one piece at a time. */
export function createTurns(): Turns {
  const waiting = new Set<() => void>();
  let scheduled = 0;

  function schedule(): void {
    scheduled++;
    setImmediate(turn);
  }

  function turn(): void {
    scheduled--;
    const [first] = waiting;
    if (first === undefined) return;
    waiting.delete(first);
    if (waiting.size > scheduled && scheduled < piecesPerTurn) schedule();
    first();
  }

  return (pass) => {
    waiting.add(pass);
    if (scheduled < piecesPerTurn) schedule();
  };
}
