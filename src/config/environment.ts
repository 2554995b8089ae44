import { type Entry, type Layer, layer, listenEntries, meanings } from './layer.ts';
import type { Machine } from './machine.ts';
import { suggestion } from './nearest.ts';
import { named } from './schema.ts';

/** `STOA_…`: every variable with that beginning must be a setting. */
export function readOwnVariables(env: Machine['env']): Layer {
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [variable, raw] of Object.entries(env)) {
    if (!variable.startsWith('STOA_') || raw === undefined) continue;
    if (variable === 'STOA_CONFIG' || variable.startsWith('STOA_TEST_') || isServiceLink(variable, raw))
      continue;
    const meant = variables.get(variable);
    if (meant) entries.push({ ...meant, raw, source: variable });
    else problems.push(`${variable}: unknown variable${suggestion(variable, variables.keys())}`);
  }
  return layer({ entries, problems });
}

/** PORT, SERVER_PORT, LOG_LEVEL and MODE, which images share; an empty one says nothing. */
export function readContainerVariables(env: Machine['env']): Layer {
  const entries: Entry[] = [];
  const warnings: string[] = [];
  for (const { name, setting } of named) {
    const source = setting.containers.find((variable) => env[variable]);
    const raw = source && env[source];
    if (!raw) continue;
    if (source === 'MODE' && !modes.includes(raw.toLowerCase())) {
      // MODE=production and the like are meant for other programs.
      warnings.push(`MODE=${raw} means nothing to Stoa and is ignored; its modes are ${modes.join(' and ')}`);
    } else if (name === 'port') {
      entries.push(...listenEntries(raw, source));
    } else {
      entries.push({ name, raw, source });
    }
  }
  return layer({ entries, warnings });
}

/**
 * True for a variable that Kubernetes sets in every pod for a service that happens to be called like us (`STOA_PORT=tcp://…`,
 * `STOA_SERVICE_HOST`, `STOA_PORT_3000_TCP_ADDR`): it is about that service, not for us.
 */
export function isServiceLink(variable: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(variable) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(variable) ||
    (variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

const modes = ['standalone', 'cluster'];

const variables = meanings(named, ({ variable }) => variable, '_FILE');
