// A line with a delay and a rate, a process of its own: `relay.ts PORT DELAY_MS BITS_PER_SECOND` forwards TCP to that port of
// loopback. Half of the delay lies on each direction; the rate is that of the way back and is shared by all connections.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const [target, delay, rate] = process.argv.slice(2).map(Number) as [number, number, number];
const bytesPerMillisecond = rate / 8000;

/** Bytes a connection may have on the line: so many that it does not run dry while a busy machine lets its source wait. */
const window = Math.ceil(bytesPerMillisecond * delay * 2) + 256 * 1024;

interface Parcel {
  readonly due: number;
  readonly deliver: () => void;
}

/** One direction of the line: delivers in order, each byte when its turn and its delay are over. */
function createLane(bytesPerMs: number): (length: number, deliver: () => void) => void {
  const parcels: Parcel[] = [];
  let free = 0;
  let ticking = false;
  function tick(): void {
    const now = performance.now();
    while (parcels[0] !== undefined && parcels[0].due <= now) parcels.shift()!.deliver();
    ticking = parcels.length > 0;
    if (ticking) setTimeout(tick, 1);
  }
  return (length, deliver) => {
    free = Math.max(free, performance.now()) + length / bytesPerMs;
    parcels.push({ due: free + delay / 2, deliver });
    if (ticking) return;
    ticking = true;
    setTimeout(tick, 1);
  };
}

const up = createLane(Number.POSITIVE_INFINITY);
const down = createLane(bytesPerMillisecond);

/** A millisecond's worth of bytes is the smallest that is told apart. */
const slice = Math.max(1460, Math.floor(bytesPerMillisecond));

function forward(from: Socket, to: Socket, lane: typeof up): void {
  let onLine = 0;
  from.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; at += slice) {
      const part = chunk.subarray(at, at + slice);
      onLine += part.length;
      lane(part.length, () => {
        onLine -= part.length;
        const roomy = to.destroyed || to.write(part);
        if (from.isPaused() && onLine < window * 0.75 && roomy) from.resume();
      });
    }
    if (onLine >= window) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => lane(0, () => to.end()));
  from.on('error', () => to.destroy());
  from.on('close', (failed) => failed && to.destroy());
}

const server = createServer({ allowHalfOpen: true }, (client) => {
  const source = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
  client.setNoDelay(true);
  source.setNoDelay(true);
  forward(client, source, up);
  forward(source, client, down);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('disconnect', () => process.exit());
process.send?.((server.address() as AddressInfo).port);
