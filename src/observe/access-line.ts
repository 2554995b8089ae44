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
  return (timestamp, level, entry) => {
    let line = `{"level":"${level}","timestamp":"${timestamp}${serviceField}${entry.traceId}","message":"request","method":${quote(entry.method)},"kind":"${entry.kind}"`;
    if (entry.module === undefined) {
      line += `,"target":${quote(cut(entry.target, targetLength))}`;
    } else {
      line += `,"module":${quote(entry.module)}`;
      if (entry.version !== undefined) line += `,"version":${quote(entry.version)}`;
    }
    line += `,"status":${entry.status},"bytes":${entry.bytes},"duration_ms":${formatDuration(entry.durationMs)}`;
    if (entry.outcome !== undefined) line += `,"outcome":"${entry.outcome}"`;
    if (entry.source !== undefined) line += `,"source":${quote(entry.source)}`;
    line += `,"address":${quote(entry.address)}`;
    if (entry.user !== undefined) line += `,"user":${quote(entry.user)}`;
    if (entry.errorKind !== undefined) line += `,"error_kind":"${entry.errorKind}"`;
    if (entry.error !== undefined) line += `,"error":${quote(cut(entry.error, errorLength))}`;
    return `${line}}\n`;
  };
}

const targetLength = 512;
const errorLength = 1024;

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
