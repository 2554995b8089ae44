import { StoaError } from '../errors.ts';
import type { Remote } from './remote.ts';

/** What ssh is told before the name of a host, and what it sees in its environment. */
export function sshArguments({ url, ssh }: Remote): { args: string[]; env: Record<string, string> } {
  if (ssh === undefined) throw new StoaError('internal', `${url}: it is not said how to reach it over ssh`);
  const options = {
    BatchMode: 'yes',
    HostName: ssh.hostName,
    HostKeyAlias: ssh.hostKeyAlias,
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: ssh.knownHostsFile === undefined ? 'none' : fileOption(ssh.knownHostsFile),
    UpdateHostKeys: 'no',
    IdentityFile: ssh.identityFile === undefined ? 'none' : fileOption(ssh.identityFile),
    IdentitiesOnly: ssh.identityFile === undefined ? 'no' : 'yes',
    IdentityAgent: ssh.agentSocket === undefined ? 'none' : 'SSH_AUTH_SOCK',
    PreferredAuthentications: 'publickey',
    ProxyCommand: 'none',
    ProxyJump: 'none',
    ControlPath: 'none',
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    PermitLocalCommand: 'no',
    ConnectTimeout: '30',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '3',
  };
  return {
    args: [
      '-T',
      '-F',
      'none',
      ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ],
    env: ssh.agentSocket === undefined ? {} : { SSH_AUTH_SOCK: ssh.agentSocket },
  };
}

/** The words as a shell reads them. */
export function shellQuote(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w-]+$/.test(word) ? word : `'${word.replaceAll(/['!]/g, "'\\$&'")}'`))
    .join(' ');
}

/** A file name in an option of ssh, which splits at blanks and replaces what stands behind a percent sign. */
function fileOption(file: string): string {
  return `"${file.replaceAll('%', '%%')}"`;
}
