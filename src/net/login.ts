/** What is sent to a host in our name, and how whoever gave it learns what became of it. */
export interface Login {
  readonly header: LoginHeader;
  /** User and password, where these are what the header holds. */
  readonly basic?: Basic;
  /** Milliseconds since the epoch; absent: it is not known to end. */
  readonly expiresAt?: number;
  /** To be called when the host let us in. */
  accepted(): void;
  /**
   * To be called when the host did not know us (401). Gives another login where there is one now; throws as
   * `ChosenCredential.login` does.
   */
  refused(signal: AbortSignal): Promise<Login | undefined>;
}

/** There is no login, though a credential serves the URL; why, such as `the credential helper has none for it`. */
export interface NoLogin {
  readonly none: string;
}

/** The header that carries a login; the name in lower case. */
export interface LoginHeader {
  readonly name: string;
  readonly value: string;
}

export interface Basic {
  readonly username: string;
  readonly password: string;
}

/** A header that carries a user and a password. */
export function basicHeader({ username, password }: Basic): LoginHeader {
  return { name: 'authorization', value: formatBasic(username, password) };
}

/** The value of an `Authorization` or `Proxy-Authorization` header (RFC 7617). */
export function formatBasic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** What keeps a login from being sent, in words that do not show it; undefined when nothing does. */
export function loginProblem(header: LoginHeader, basic?: Basic): string | undefined {
  if (basic?.username.includes(':')) return "a user name can't hold a colon";
  const canBeSent =
    /^[\w!#$%&'*+.^`|~-]+$/.test(header.name) && /^[\t\x20-\x7e\x80-\xff]+$/.test(header.value);
  return canBeSent ? undefined : 'it holds a character that no header can carry';
}
