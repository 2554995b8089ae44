import { StoaError } from '../errors.ts';
import { header, type Incoming } from './exchange.ts';

export interface HomeOptions {
  /** The path prefix, empty or `/go`. */
  readonly prefix: string;
  /** Patterns of modules that the public checksum database must not be asked for, joined by commas; may be empty. */
  readonly noSumPatterns: string;
  /** The text of a page in the form Athens takes: `{{ .Host }}` and `{{ .NoSumPatterns }}` are filled in. */
  readonly template?: string;
}

/**
 * The home page, which tells how to point the go command here, as HTML. Throws `config` where a template asks for
 * more than the two values.
 */
export function createHome(options: HomeOptions): (incoming: Incoming) => string {
  const { prefix, noSumPatterns, template } = options;
  if (template !== undefined) {
    checkTemplate(template);
    return (incoming) =>
      template.replace(actions, (_, name: string) =>
        escapeHtml(name === 'Host' ? originOf(incoming) : noSumPatterns),
      );
  }
  return (incoming) => homePage(`${originOf(incoming)}${prefix}`, noSumPatterns);
}

/** The actions of Go's html/template that are understood. */
const actions = /\{\{-?\s*\.(Host|NoSumPatterns)\s*-?\}\}/g;

function checkTemplate(template: string): void {
  const unknown = /\{\{[^}]{0,40}/.exec(template.replace(actions, ''));
  if (unknown !== null)
    throw new StoaError(
      'config',
      `home page template: "${unknown[0]}" is not understood, only {{ .Host }} and {{ .NoSumPatterns }} are`,
    );
}

/** How the client reached this server: `https://go.example.com`. A Host that could be anything but a host is not repeated. */
function originOf(incoming: Incoming): string {
  const authority = header(incoming, ':authority') ?? header(incoming, 'host') ?? '';
  const forwarded = header(incoming, 'x-forwarded-proto');
  const secure = forwarded === undefined ? incoming.socket.encrypted === true : forwarded === 'https';
  const host = /^([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?$/i.test(authority)
    ? authority
    : 'this-server.example.com';
  return `${secure ? 'https' : 'http'}://${host}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Single quotes keep a POSIX shell from reading anything into the value. */
function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function homePage(url: string, noSumPatterns: string): string {
  const lines = [`go env -w GOPROXY=${shellQuote(`${url},direct`)}`];
  if (noSumPatterns !== '') lines.push(`go env -w GONOSUMDB=${shellQuote(noSumPatterns)}`);
  const hint =
    noSumPatterns === ''
      ? 'For modules that are not public, set <code>GONOSUMDB</code> to patterns of their paths (for instance <code>git.example.com/*</code>), so that the public checksum database is not asked for them.'
      : 'The second line keeps the go command from asking the public checksum database for modules that are not public.';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Stoa: a Go module proxy</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #222; background: #fff; }
pre { background: #f3f3f3; padding: 1rem; overflow-x: auto; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #161616; } pre { background: #262626; } }
</style>
</head>
<body>
<h1>Stoa</h1>
<p>This is a Go module proxy. Point the go command at it:</p>
<pre>${escapeHtml(lines.join('\n'))}</pre>
<p>${hint}</p>
<p>A path of the protocol looks like <code>${escapeHtml(url)}/github.com/sirupsen/logrus/@v/list</code>; with
<code>/cached-only</code> before the module path, only what is stored here is answered.</p>
</body>
</html>
`;
}
