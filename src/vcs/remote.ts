/**
 * A repository as version control is given it, after everything about it was decided: which host may be asked, at which
 * addresses, and with whose credential. What reads repositories follows no redirect and looks up no name.
 */
export interface Remote {
  /** The public URL, as in `Origin.URL`. It holds no credential. */
  readonly url: string;
  /**
   * What is asked in its place: after rewrites and redirects, without a credential. Of the schemes `https`, `http`,
   * `ssh`, and `file` only where `url` is of another one: a rewrite in the settings leads there, never a stranger's page.
   */
  readonly fetchUrl: string;
  /**
   * Identity of the local copy: equal for what may share one, so of `fetchUrl` and of who asks. It holds no secret, and
   * may be of any length.
   */
  readonly key: string;
  /** Addresses that were checked, as curl's `host:port:address[,address]`; over HTTP no other address is dialled. */
  readonly resolve?: readonly string[];
  /** The HTTP proxy that this URL is asked through, user and password included; absent: none. */
  readonly proxy?: string;
  /** Sent to `fetchUrl` and to nobody else; HTTP only. */
  readonly credential?: RemoteCredential;
  /** To be called when the credential was refused: the same remote with another one, where there is one now. */
  renew?(signal: AbortSignal): Promise<Remote | undefined>;
  /** How to reach a remote of the scheme `ssh`. */
  readonly ssh?: RemoteSsh;
  /** A configuration file of Mercurial with credentials that may be used for it; Mercurial only. */
  readonly hgrcFile?: string;
}

/** Who asks: a login, or one whole header line such as `Authorization: Bearer …`. */
export type RemoteCredential =
  | { readonly username: string; readonly password: string }
  | { readonly header: string };

/** What ssh is told; nothing is read from a configuration file of the system or of the user. */
export interface RemoteSsh {
  /** The checked address to dial. */
  readonly hostName: string;
  /** The name under which its key is looked up in the known hosts. */
  readonly hostKeyAlias: string;
  /** Absent: the system's file alone. An unknown host is refused, always. */
  readonly knownHostsFile?: string;
  /** A private key; absent: those of the agent. */
  readonly identityFile?: string;
  /** The socket of an agent. */
  readonly agentSocket?: string;
}

/** The host of the public URL, as metrics name a remote. */
export function hostOf({ url }: Remote): string {
  return new URL(url).host;
}
