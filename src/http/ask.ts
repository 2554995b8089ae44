import type { Ask, Asker } from '../stash/modules.ts';
import type { Incoming, Outgoing } from './exchange.ts';

/** The Ask of one request, whose abort signal costs nothing until somebody looks at it. */
export interface RequestAsk extends Ask {
  via?: string;
  cachedOnly?: boolean;
  mayStream?: boolean;
  /** True when the client left while its answer was waited for. */
  readonly left: boolean;
  /** The answer is known: from now on a client that closed its own side only still gets it. */
  answered(): void;
}

/** `signal` is aborted when the client goes, or closes its side of an HTTP/1 connection while it waits. */
export function createAsk(incoming: Incoming, outgoing: Outgoing, asker: Asker): RequestAsk {
  const ask = Object.create(prototype) as State;
  ask.incoming = incoming;
  ask.outgoing = outgoing;
  ask.asker = asker;
  ask.leaving = undefined;
  return ask;
}

interface State extends RequestAsk {
  incoming: Incoming;
  outgoing: Outgoing;
  asker: Asker;
  leaving: Leaving | undefined;
}

interface Leaving {
  readonly controller: AbortController;
  readonly leave: () => void;
}

/** Shared by all, since a getter in an object literal would be made anew for each request. */
const prototype: Pick<RequestAsk, 'signal' | 'left' | 'answered'> & ThisType<State> = {
  get signal() {
    this.leaving ??= watch(this.incoming, this.outgoing);
    return this.leaving.controller.signal;
  },
  get left() {
    return this.leaving?.controller.signal.aborted === true;
  },
  answered() {
    if (this.leaving === undefined) return;
    this.outgoing.off('close', this.leaving.leave);
    if (this.incoming.httpVersionMajor === 1) this.incoming.socket.off('end', this.leaving.leave);
  },
};

/** HTTP/2 tells of the end of a stream by `close`; the end of its socket is not one request's business. */
function watch(incoming: Incoming, outgoing: Outgoing): Leaving {
  const controller = new AbortController();
  const leave = () => controller.abort();
  if (outgoing.destroyed) leave();
  outgoing.once('close', leave);
  if (incoming.httpVersionMajor === 1) incoming.socket.once('end', leave);
  return { controller, leave };
}
