import type { HttpReply } from './client.ts';
import type { Answer } from './exchange.ts';
import type { Login, NoLogin } from './login.ts';
import { isOk } from './reply.ts';

/** What a host answered, and whether it was asked in our name. */
export interface Authorized {
  readonly answer: Answer;
  readonly told: Pick<HttpReply, 'authorized' | 'lacking'>;
}

/**
 * Asks with a login, and once more with another one where that is refused (401) and whoever gave it has another; it is
 * told what became of both.
 */
export async function askInOurName(
  login: Login | NoLogin | undefined,
  ask: (login?: Login) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Authorized> {
  if (login === undefined || 'none' in login) {
    return { answer: await ask(), told: { authorized: false, ...(login && { lacking: login.none }) } };
  }
  const told = { authorized: true };
  const answer = await ask(login);
  if (isOk(answer)) login.accepted();
  const other = answer.status === 401 ? await replace(login, answer, signal) : undefined;
  if (other === undefined) return { answer, told };
  const second = await ask(other);
  if (isOk(second)) other.accepted();
  return { answer: second, told };
}

async function replace(login: Login, refusal: Answer, signal: AbortSignal): Promise<Login | undefined> {
  let isWanted = false;
  try {
    const other = await login.refused(signal);
    isWanted = other === undefined;
    return other;
  } finally {
    // Who reads it to its end keeps the connection.
    if (!isWanted) refusal.body.resume();
  }
}
