import { type Loaded, loadSettings, SettingsError } from '../config/load.ts';
import { exitCodes, type Invocation } from './command.ts';
import { stoaVersion } from './version.ts';

/**
 * `stoa doctor <module or URL>`: goes the way of a request with the settings of the server, tells each step, and in the end
 * what the other side said. No secret is in it.
 */
export async function doctor({ args, out, err }: Invocation): Promise<number> {
  const { examine, parseSubject } = await import('../sources/examine.ts');
  const [text = '', ...flags] = args;
  const subject = parseSubject(text);
  if (subject === undefined) {
    err(
      'stoa doctor: give a module path such as example.com/m, or the URL of a repository without a password',
    );
    return exitCodes.usage.code;
  }
  let loaded: Loaded;
  try {
    loaded = loadSettings({ args: flags });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    for (const problem of error.problems) err(problem);
    return exitCodes.usage.code;
  }

  for (const warning of loaded.warnings) err(`warning: ${warning}`);
  const { settings } = loaded;
  const signal = AbortSignal.timeout(settings.fetch.questionTimeoutMs);
  try {
    for await (const { step, said } of examine(settings, subject, stoaVersion(), signal))
      out(`${step.padEnd(12)}${said}`);
    out('ok          it can be read');
    return exitCodes.ok.code;
  } catch (error) {
    out(`failed      ${error instanceof Error ? error.message : String(error)}`);
    return exitCodes.failed.code;
  }
}
