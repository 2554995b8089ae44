// Everything `npm test` holds: types, lint and format, dead code, tests. Stops at the first that fails.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const steps = [
  ['tsc'],
  ['biome', 'check', '--error-on-warnings', '.'],
  ['knip'],
  ['vitest', 'run', ...process.argv.slice(2)],
];
for (const [name, ...args] of steps) {
  const run = spawnSync(join(root, 'node_modules', '.bin', name), args, { cwd: root, stdio: 'inherit' });
  if (run.status !== 0) {
    process.stderr.write(`${name} failed\n`);
    process.exit(run.status ?? 1);
  }
}
