/**
 * Does a piece of work for each of many things, several at once, and gives the results in the order of the things. At most
 * `running` are under way, and at most `ahead` are finished before one that takes long: what is held is bounded. A failure ends it.
 */
export async function* inOrder<T, R>(
  things: AsyncIterable<T>,
  work: (thing: T) => Promise<R>,
  { running, ahead }: { readonly running: number; readonly ahead: number },
): AsyncGenerator<R> {
  const iterator = things[Symbol.asyncIterator]();
  const begun: Piece<R>[] = [];
  let active = 0;
  let freed = Promise.withResolvers<void>();
  let ended = false;

  function begin(thing: T): void {
    active++;
    const piece: Piece<R> = { isDone: false, result: work(thing) };
    const done = (): void => {
      piece.isDone = true;
      active--;
      freed.resolve();
    };
    piece.result.then(done, done);
    begun.push(piece);
  }

  try {
    for (;;) {
      while (!ended && active < running && begun.length < ahead && begun[0]?.isDone !== true) {
        const next = await iterator.next();
        if (next.done === true) ended = true;
        else begin(next.value);
      }
      const [first] = begun;
      if (first === undefined) return;
      if (first.isDone) {
        begun.shift();
        yield await first.result;
      } else {
        freed = Promise.withResolvers();
        await freed.promise;
      }
    }
  } finally {
    for (const { result } of begun) result.catch(() => undefined);
    await iterator.return?.();
  }
}

interface Piece<R> {
  isDone: boolean;
  readonly result: Promise<R>;
}
