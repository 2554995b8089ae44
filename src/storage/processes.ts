import { createHash, randomBytes } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/**
 * One process for good, so that a number used again is not taken for it. Where the system has no `/proc`,
 * `start` is `0` and says nothing.
 */
export interface ProcessMark {
  /**
   * The machine since it started and the process name space in it: numbers can be compared only within one.
   * 12 hex digits.
   */
  readonly place: string;
  readonly pid: number;
  /** When it started, in clock ticks since the machine did. */
  readonly start: string;
}

/** Which processes there are. */
export interface ProcessTable {
  readonly self: ProcessMark;
  /**
   * `unknown` when it can't be told from here: another machine, another container, a system that keeps no
   * start times.
   */
  state(mark: ProcessMark): Promise<'running' | 'ended' | 'unknown'>;
}

/** The processes of this system, seen from this one. */
export async function readProcesses(): Promise<ProcessTable> {
  const [boot, space, own] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
    readStart(process.pid),
  ]);
  const place = createHash('sha256').update(`${hostname()}\n${boot}\n${space}`).digest('hex').slice(0, 12);
  const self = { place, pid: process.pid, start: own ?? '0' };
  return {
    self,
    async state(mark) {
      if (mark.place !== self.place) return 'unknown';
      if (!exists(mark.pid)) return 'ended';
      const start = await readStart(mark.pid);
      if (start === undefined || mark.start === '0') return 'unknown';
      return start === mark.start ? 'running' : 'ended';
    },
  };
}

/** A name that begins with the process, and that nobody else makes. */
export function ownName({ place, pid, start }: ProcessMark): string {
  return `${place}-${pid}-${start}-${randomBytes(4).toString('hex')}`;
}

/** The process with whose own name this one begins; undefined for another kind of name. */
export function ownerOf(name: string): ProcessMark | undefined {
  const parts = /^([0-9a-f]{12})-(\d+)-(\d+)-[0-9a-f]{8}-/.exec(name);
  return parts === null ? undefined : { place: parts[1]!, pid: Number(parts[2]), start: parts[3]! };
}

/**
 * The start time of a process (field 22 of its `stat`, proc(5)); `ended` for one that only waits to be
 * collected; undefined where it can't be read.
 */
async function readStart(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the name in parentheses, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : fields[19];
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
