import type { AccessEntry } from './log.ts';
import { quote } from './quote.ts';

/**
 * The JSON line of a finished request, with its newline. It is put together by hand since it is on the hot path;
 * docs/log.schema.json says what it holds. `service` is the same for every line.
 */
export function createAccessLine(
  service: string,
): (timestamp: string, level: string, entry: AccessEntry) => string {
  const serviceField = `","service":${quote(service)},"trace_id":"`;
  let kept = new Map<string, Middle>();

  /** What the same URL says in every line. Hot ones are kept, since checking and joining texts is most of a line. */
  function middleOf(entry: AccessEntry): string {
    const known = kept.get(entry.target);
    if (known !== undefined && isFor(known.entry, entry)) return known.text;
    const text = formatMiddle(entry);
    if (entry.target.length > targetLength) return text;
    if (kept.size >= maxKept) kept = new Map();
    kept.set(entry.target, { entry, text });
    return text;
  }

  return (timestamp, level, entry) => {
    let line = `{"level":"${level}","timestamp":"${timestamp}${serviceField}${entry.traceId}${middleOf(entry)},"status":${entry.status},"bytes":${entry.bytes},"duration_ms":${formatDuration(entry.durationMs)}`;
    if (entry.outcome !== undefined) line += `,"outcome":"${entry.outcome}"`;
    if (entry.source !== undefined) line += `,"source":${quote(entry.source)}`;
    line += `,"address":${quote(entry.address)}`;
    if (entry.user !== undefined) line += `,"user":${quote(entry.user)}`;
    if (entry.errorKind !== undefined) line += `,"error_kind":"${entry.errorKind}"`;
    if (entry.error !== undefined) line += `,"error":${quote(cut(entry.error, errorLength))}`;
    return `${line}}\n`;
  };
}

interface Middle {
  readonly entry: AccessEntry;
  readonly text: string;
}

/** Hot URLs kept at once. */
const maxKept = 1024;

const targetLength = 512;
const errorLength = 1024;

function formatMiddle({ method, kind, module, version, target }: AccessEntry): string {
  const asked =
    module === undefined
      ? `,"target":${quote(cut(target, targetLength))}`
      : `,"module":${quote(module)}${version === undefined ? '' : `,"version":${quote(version)}`}`;
  return `","message":"request","method":${quote(method)},"kind":"${kind}"${asked}`;
}

function isFor(kept: AccessEntry, entry: AccessEntry): boolean {
  return (
    kept.method === entry.method &&
    kept.kind === entry.kind &&
    kept.module === entry.module &&
    kept.version === entry.version
  );
}

/** Milliseconds with at most three decimals; never an exponent, which JSON allows but people misread. */
function formatDuration(milliseconds: number): string {
  const micros = Math.round(milliseconds * 1000);
  const whole = Math.trunc(micros / 1000);
  const rest = micros - whole * 1000;
  return rest === 0 ? `${whole}` : `${whole}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
