import { StoaError } from '../errors.ts';
import { signAppToken } from './app-key.ts';
import type { HttpClient, HttpPoster, HttpReply } from './client.ts';
import type { AppSecret } from './credentials.ts';
import type { NoLogin } from './login.ts';
import type { Given, LoginSource } from './logins.ts';

export interface GitHubAppOptions extends Omit<AppSecret, 'kind'> {
  readonly client: Pick<HttpClient, 'get'> & HttpPoster;
  readonly now?: () => number;
}

/** Bytes of an answer of the API that are read. */
const maxAnswerBytes = 1024 * 1024;

/**
 * The tokens of the installations of a GitHub App, as user and password of repositories over https. They may read the
 * content of repositories and nothing else. Of an owner who has no installation there is no login; an App or a
 * key that GitHub does not know is `upstream`.
 */
export function createGitHubApp(options: GitHubAppOptions): LoginSource {
  const { app, key, installation, api, client, now = Date.now } = options;
  const { host } = new URL(api);
  const name = `the GitHub App ${app}`;

  /** Asks the API in the name of the App itself. */
  async function ask(path: string, json: unknown, signal: AbortSignal): Promise<HttpReply> {
    const url = new URL(`${api}${path}`);
    const request = {
      signal,
      // No other credential of the settings is for it.
      stranger: true,
      headers: {
        authorization: `Bearer ${signAppToken(app, key, now())}`,
        accept: 'application/vnd.github+json',
        'x-github-api-version': '2022-11-28',
      },
      maxBytes: maxAnswerBytes,
    };
    return json === undefined ? client.get(url, request) : client.post(url, json, request);
  }

  /** The number of the installation for an owner, an organization or a user; undefined where there is none. */
  async function find(owner: string, signal: AbortSignal): Promise<number | undefined> {
    for (const kind of ['orgs', 'users']) {
      const reply = await ask(`/${kind}/${owner}/installation`, undefined, signal);
      const answer = await readJson(reply);
      if (reply.status === 404) continue;
      if (reply.status !== 200 || typeof answer.id !== 'number') throw refusal(reply, answer);
      return answer.id;
    }
    return undefined;
  }

  async function tokenOf(id: number, signal: AbortSignal): Promise<Given> {
    const reply = await ask(
      `/app/installations/${id}/access_tokens`,
      { permissions: { contents: 'read' } },
      signal,
    );
    const answer = await readJson(reply);
    const expiresAt = Date.parse(String(answer.expires_at));
    if (reply.status !== 201 || typeof answer.token !== 'string' || Number.isNaN(expiresAt)) {
      throw refusal(reply, answer);
    }
    return { username: 'x-access-token', password: answer.token, expiresAt };
  }

  function refusal({ status, retryAfter }: HttpReply, answer: Readonly<Record<string, unknown>>): StoaError {
    const said = typeof answer.message === 'string' ? `: ${plain(answer.message)}` : '';
    const meant = meanings[status] ?? 'could not be used';
    const more = retryAfter === undefined ? {} : { retryAfter };
    return new StoaError('upstream', `${host}: ${name} ${meant} (${status}${said})`, more);
  }

  return {
    scope: (url) => (installation === undefined ? ownerOf(url) : ''),
    async ask(url, signal): Promise<Given | NoLogin> {
      const owner = ownerOf(url);
      const id = installation ?? (owner === undefined ? undefined : await find(owner, signal));
      return id === undefined ? { none: `${name} is not installed for ${owner}` } : tokenOf(id, signal);
    },
  };
}

/** What the API means by a status, of an App. */
const meanings: Readonly<Record<number, string>> = {
  200: 'got an answer that is none',
  201: 'got an answer that is none',
  401: 'is not who it says it is: its id, its key or the clock here is wrong',
  403: 'may not read: it was suspended, or asks too often',
  404: 'has no such installation',
  422: 'has no permission to read the contents of repositories',
};

/** Whose a repository is, as its path begins; small, since GitHub makes no difference. */
function ownerOf({ pathname }: URL): string | undefined {
  return /^\/([\w-]+)\//.exec(pathname)?.[1]?.toLowerCase();
}

/** The members of the object that an answer is; none where it is another thing. */
async function readJson({ body }: HttpReply): Promise<Readonly<Record<string, unknown>>> {
  const text = Buffer.concat(await body.toArray()).toString();
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Somebody else's words, fit for a message. */
function plain(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, 200);
}
