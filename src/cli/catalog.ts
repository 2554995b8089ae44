import type { Catalog, EventRow, JobRow, JobState } from '../catalog/catalog.ts';
import { catalogFile } from '../config/catalog-file.ts';
import { loadSettings, SettingsError } from '../config/load.ts';
import type { Machine } from '../config/machine.ts';
import type { Settings } from '../config/schema.ts';
import { parseDuration } from '../config/units.ts';
import { isStoaError, StoaError } from '../errors.ts';
import { escapeControls } from '../observe/quote.ts';
import { exitCodes, type Invocation } from './command.ts';
import { takeFlags } from './own-flags.ts';

/** `stoa events`: what somebody may have to look at, the newest first. */
export function showEvents(invocation: Invocation, machine: Partial<Machine> = {}): Promise<number> {
  return show(invocation, machine, ['kind', 'module', 'since', 'limit'], async (catalog, flags) => {
    const [kind, path, since] = [flags.get('kind'), flags.get('module'), flags.get('since')];
    const rows = await catalog.events({
      limit: limitOf(flags),
      ...(kind !== undefined && { kind }),
      ...(path !== undefined && { path }),
      ...(since !== undefined && { since: timeOf(since) }),
    });
    return rows.map((row) => ({ row: { ...row, at: time(row.at) }, line: eventLine(row) }));
  });
}

/** `stoa jobs`: what is to be done, is under way, or was given up. */
export function showJobs(invocation: Invocation, machine: Partial<Machine> = {}): Promise<number> {
  return show(invocation, machine, ['kind', 'state', 'limit'], async (catalog, flags) => {
    const [kind, state] = [flags.get('kind'), flags.get('state')];
    const rows = await catalog.jobs.list({
      limit: limitOf(flags),
      ...(kind !== undefined && { kind }),
      ...(state !== undefined && { state: stateOf(state) }),
    });
    return rows.map((row) => ({
      row: {
        ...row,
        notBefore: time(row.notBefore),
        addedAt: time(row.addedAt),
        leaseUntil: row.leaseUntil === null ? null : time(row.leaseUntil),
      },
      line: jobLine(row),
    }));
  });
}

type Flags = ReadonlyMap<string, string>;

interface Shown {
  /** For programs. */
  readonly row: object;
  /** For people. */
  readonly line: string;
}

async function show(
  { args, out, err }: Invocation,
  machine: Partial<Machine>,
  names: readonly string[],
  read: (catalog: Catalog, flags: Flags) => Promise<readonly Shown[]>,
): Promise<number> {
  const { values, rest, problem } = takeFlags(args, names, ['json']);
  if (problem !== undefined) {
    err(problem);
    return exitCodes.usage.code;
  }
  let settings: Settings;
  try {
    ({ settings } = loadSettings({ ...machine, args: rest }));
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    for (const problem of error.problems) err(problem);
    return exitCodes.usage.code;
  }
  try {
    const { readCatalog } = await import('../catalog/read-catalog.ts');
    const shown = await readCatalog(catalogFile(settings), (catalog) => read(catalog, values));
    for (const { row, line } of shown)
      out(values.has('json') ? escapeControls(JSON.stringify(row)) : plain(line));
    return exitCodes.ok.code;
  } catch (error) {
    if (!isStoaError(error)) throw error;
    err(error.message);
    return error.kind === 'config' ? exitCodes.usage.code : exitCodes.failed.code;
  }
}

function eventLine({ at, kind, path, version, text }: EventRow): string {
  const subject = path === null ? '-' : `${path}@${version}`;
  return `${time(at)}  ${kind}  ${subject}  ${text}`;
}

function jobLine({ state, kind, key, attempts, notBefore, leaseUntil, lastError }: JobRow): string {
  const when = state === 'running' ? `leased until ${time(leaseUntil ?? 0)}` : `from ${time(notBefore)}`;
  const reason = lastError === null ? '' : `  ${lastError}`;
  return `${state.padEnd(7)}  ${kind}  ${key}  begun ${attempts} times  ${when}${reason}`;
}

function limitOf(flags: Flags): number {
  const text = flags.get('limit') ?? '100';
  if (!/^[1-9]\d{0,5}$/.test(text)) throw wrong('limit', text, 'a number from 1 to 999999');
  return Number(text);
}

/** A time, or a duration before now. */
function timeOf(text: string): number {
  const ago = parseDuration(text);
  const at = ago === undefined ? Date.parse(text) : Date.now() - ago;
  if (Number.isNaN(at))
    throw wrong('since', text, 'a duration such as 24h, or a time such as 2026-11-22T18:00:00Z');
  return at;
}

function stateOf(text: string): JobState {
  if (text === 'waiting' || text === 'running' || text === 'failed') return text;
  throw wrong('state', text, 'waiting, running or failed');
}

function wrong(flag: string, value: string, accepted: string): StoaError {
  return new StoaError('config', `--${flag}: ${JSON.stringify(value)} is not ${accepted}`);
}

/** What sources said may hold anything, and a terminal obeys it. */
function plain(line: string): string {
  return line.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, ' ');
}

function time(at: number): string {
  return new Date(at).toISOString();
}
