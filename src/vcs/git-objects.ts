import { StoaError } from '../errors.ts';
import { orAborted } from '../work/abortable.ts';
import { type GitSetup, gitCommand } from './git-command.ts';
import { DamageError } from './git-failure.ts';
import type { Idle } from './git-idle.ts';
import type { Process } from './run.ts';

/** What an object is. */
interface ObjectInfo {
  readonly hash: string;
  readonly type: string;
  /** Bytes of its content. */
  readonly size: number;
}

/**
 * Reads objects of one repository through a process that is kept for a while (git-cat-file(1), `--batch-command`). It
 * sees objects that came after it was started. Throws DamageError when the repository cannot be read.
 */
export interface GitObjects {
  /** Undefined for one that is not here. `name` is a hash, or the beginning of one and `^{commit}`. */
  info(name: string, signal: AbortSignal): Promise<ObjectInfo | undefined>;
  /** The content of an object; undefined as above. Throws `integrity` for one over `maxBytes`. */
  read(hash: string, maxBytes: number, signal: AbortSignal): Promise<Buffer | undefined>;
  /** Ends the process; the next question starts another one. */
  close(): void;
}

interface Answer extends ObjectInfo {
  /** Empty where only `info` was asked for. */
  readonly content: Buffer;
}

interface Question {
  readonly wantsContent: boolean;
  readonly answer: PromiseWithResolvers<Answer | undefined>;
}

/** One process, and what it was asked and has not answered yet, in that order. */
interface Reader {
  readonly process: Process;
  readonly questions: Question[];
  /** It ended, or was closed for want of questions. */
  isOver: boolean;
}

const maxTries = 5;

/** `life` ends the process. */
export function createObjects(setup: GitSetup, folder: string, idle: Idle, life: AbortSignal): GitObjects {
  let opening: Promise<Reader> | undefined;
  let reader: Reader | undefined;

  async function start(): Promise<Reader> {
    const command = gitCommand(setup, ['cat-file', '--batch-command'], { folder });
    const process = await setup.run.start(command, life);
    const started: Reader = { process, questions: [], isOver: false };
    process.stdout.on(
      'data',
      createAnswerReader(started.questions, () => idle.keep(self)),
    );
    void process.ended.then(({ stopped, stderr }) => {
      started.isOver = true;
      for (const { answer } of started.questions) answer.reject(stopped ?? new DamageError(stderr));
    });
    return started;
  }

  async function open(): Promise<Reader> {
    if (reader !== undefined && !reader.isOver) return reader;
    opening ??= start().finally(() => {
      opening = undefined;
    });
    reader = await opening;
    return reader;
  }

  async function ask(
    command: 'info' | 'contents',
    name: string,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    let current = await open();
    // It may have had to make room just now, but hardly ever again and again.
    for (let tries = 1; current.isOver; tries++) {
      if (tries === maxTries) throw new DamageError('git cat-file ends at once');
      current = await open();
    }
    idle.take(self);
    const { process, questions } = current;
    const answer = Promise.withResolvers<Answer | undefined>();
    questions.push({ wantsContent: command === 'contents', answer });
    process.stdin.write(`${command} ${name}\n`);
    // When nobody waits any more the answer comes all the same, in its turn.
    return orAborted(answer.promise, signal);
  }

  const self: GitObjects = {
    info: (name, signal) => ask('info', name, signal),
    async read(hash, maxBytes, signal) {
      const info = await ask('info', hash, signal);
      if (info === undefined) return undefined;
      if (info.size > maxBytes)
        throw new StoaError('integrity', `an object of ${info.size} bytes is larger than ${maxBytes}`);
      return (await ask('contents', hash, signal))?.content;
    },
    close() {
      idle.take(self);
      if (reader === undefined || reader.isOver) return;
      reader.isOver = true;
      reader.process.stop(new StoaError('canceled', 'the local copy was closed'));
    },
  };
  return self;
}

/** Splits what the process writes into answers. `rest` is called whenever all questions are answered. */
function createAnswerReader(questions: Question[], rest: () => void): (piece: Buffer) => void {
  let pieces: Buffer[] = [];
  let length = 0;
  let needed = 1;

  /** One answer from the bytes; undefined while they do not hold all of it. */
  function answerIn(
    bytes: Buffer,
    wantsContent: boolean,
  ): { answer: Answer | undefined; end: number } | undefined {
    const newline = bytes.indexOf('\n');
    if (newline === -1) return undefined;
    const [, hash, type, digits] = /^(\w+) (\w+) (\d+)$/.exec(bytes.toString('latin1', 0, newline)) ?? [];
    // Else it says `missing` or `ambiguous`.
    if (hash === undefined || type === undefined) return { answer: undefined, end: newline + 1 };
    const size = Number(digits);
    if (!wantsContent) return { answer: { hash, type, size, content: Buffer.alloc(0) }, end: newline + 1 };
    const end = newline + 1 + size;
    needed = end + 1;
    if (bytes.length < needed) return undefined;
    return { answer: { hash, type, size, content: bytes.subarray(newline + 1, end) }, end: needed };
  }

  return (piece) => {
    pieces.push(piece);
    length += piece.length;
    // Of a long answer the pieces are joined once, not again with each.
    while (length >= needed && length > 0) {
      const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
      pieces = [bytes];
      const [question] = questions;
      const found = question && answerIn(bytes, question.wantsContent);
      if (found === undefined) {
        needed = Math.max(needed, length + 1);
        return;
      }
      questions.shift();
      question!.answer.resolve(found.answer);
      pieces = [bytes.subarray(found.end)];
      length = pieces[0]!.length;
      needed = 1;
    }
    if (questions.length === 0) rest();
  };
}
