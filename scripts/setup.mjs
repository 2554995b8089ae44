// Installs what a fresh clone lacks. Plain JavaScript, because it must run on whatever Node a machine has.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** True when node_modules was installed from the lock file as it stands now. */
function installed() {
  const mark = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(mark)) return false;
  const have = JSON.parse(readFileSync(mark, 'utf8')).packages;
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(want).every(([name, entry]) => {
    if (name === '' || entry.optional) return true;
    return have[name]?.version === entry.version;
  });
}

/** True when a Node that can run TypeScript directly will be found first on npm's PATH. */
function recentNode() {
  if (existsSync(join(root, 'node_modules', '.bin', 'node'))) return true;
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > 24 || (major === 24 && minor >= 16);
}

function fail(reason) {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

if (!installed() || !recentNode()) {
  const npm = process.env.npm_execpath;
  // Not `npm ci`, which refuses a lock file that lacks other platforms' packages, as one made behind a partial mirror does.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const run = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' })
    : spawnSync('npm', args, { cwd: root, stdio: 'inherit' });
  if (run.status !== 0) fail('setup: npm install failed; its message is above');
}
if (!recentNode()) {
  fail(
    `setup: Stoa needs Node 24.16 or later, this is ${process.version}, and no Node package exists for ${process.platform}-${process.arch}`,
  );
}
