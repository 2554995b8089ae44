import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askGoProxy } from '../../src/config/go-env.ts';

describe('the go command', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-go-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** Puts a go command there that is this shell script. */
  function install(script: string): void {
    writeFileSync(join(folder, 'go'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'go'), 0o755);
  }

  test('says what GOPROXY is', () => {
    install('[ "$*" = "env GOPROXY" ] && echo https://goproxy.io,direct');
    expect(askGoProxy({ PATH: folder })).toBe('https://goproxy.io,direct');
  });

  test('sees nothing of the environment but where its settings are, and may fetch no toolchain', () => {
    install('echo "$SECRET/$GOPROXY/$GOENV/$HOME/$GOTOOLCHAIN/$GOWORK"');
    const env = { PATH: folder, HOME: '/h', GOENV: '/e', SECRET: 's3cret', GOPROXY: 'x', GOTOOLCHAIN: 'go9' };
    expect(askGoProxy(env)).toBe('///e//h/local/off');
  });

  test.each([
    ['fails', 'echo https://goproxy.io; exit 1'],
    ['says nothing', 'true'],
  ])('that %s says nothing', (_, script) => {
    install(script);
    expect(askGoProxy({ PATH: folder })).toBeUndefined();
  });

  test('that is not installed says nothing', () => {
    expect(askGoProxy({ PATH: folder })).toBeUndefined();
  });

  test('that hangs is ended', () => {
    install('exec /bin/sleep 60');
    const started = performance.now();
    expect(askGoProxy({ PATH: folder })).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
