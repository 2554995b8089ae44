import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { startStoa } from '../fakes/stoa.ts';
import { go, openGoHome, runGo } from './go.ts';

/** A smoke run against the upstream of this machine, on demand: what decides pass or fail elsewhere depends on nobody's day. */
const isWanted = process.env.STOA_TEST_REAL_UPSTREAM === '1';

/** What a machine may need to reach its upstream, besides the upstream's name. */
const network = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

const main = `package main

import (
	"net/http"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"
)

func main() {
	router := mux.NewRouter()
	router.HandleFunc("/{name}", func(http.ResponseWriter, *http.Request) {})
	logrus.Info("routes are set")
}
`;

const goMod = `module example.com/project

go 1.21

require (
	github.com/gorilla/mux v1.8.0
	github.com/sirupsen/logrus v1.8.1
)
`;

function inherited(): Record<string, string> {
  return Object.fromEntries(
    network.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

const verified = `module example.com/project

go 1.24

require (
	github.com/gin-gonic/gin v1.12.0
	golang.org/x/net v0.48.0
	golang.org/x/tools v0.40.0
)
`;

test.skipIf(go === undefined || !isWanted)(
  'real modules are verified against the real database, and again by go when both are gone',
  { timeout: 300_000 },
  async () => {
    const { stdout } = await runGo(['env', 'GOPROXY'], { cwd: tmpdir(), env: process.env });
    const settings = { upstream: stdout.trim(), env: { ...inherited(), STOA_SUMDB: 'sum.golang.org' } };
    await using stoa = await startStoa(settings);
    const download = async (url: string): Promise<string> => {
      await using home = await openGoHome(url);
      const cwd = await home.project({ 'go.mod': verified });
      const env = { GOSUMDB: 'sum.golang.org', GOFLAGS: '-modcacherw -mod=mod' };
      await home.run(['mod', 'download', 'all'], { cwd, env });
      return readFile(`${cwd}/go.sum`, 'utf8');
    };
    const goSum = await download(stoa.url);
    expect(goSum.split('\n').length).toBeGreaterThan(50);
    await stoa.stop();
    await using offline = await startStoa({ ...settings, upstream: 'off', data: stoa.data });
    expect(await download(offline.url)).toBe(goSum);
  },
);

test.skipIf(go === undefined || !isWanted)(
  'a project downloads and builds from the upstream of this machine',
  { timeout: 300_000 },
  async () => {
    const { stdout } = await runGo(['env', 'GOPROXY'], { cwd: tmpdir(), env: process.env });
    await using stoa = await startStoa({ upstream: stdout.trim(), env: inherited() });
    await using home = await openGoHome(stoa.url);
    const cwd = await home.project({ 'go.mod': goMod, 'main.go': main });
    await home.run(['mod', 'tidy'], { cwd });
    await home.run(['mod', 'download'], { cwd });
    await home.run(['build', './...'], { cwd });
    const goSum = await readFile(`${cwd}/go.sum`, 'utf8');
    expect(goSum).toContain(
      'github.com/sirupsen/logrus v1.8.1 h1:dJKuHgqk1NNQlqoA6BTlM1Wf9DOH3NBjQyu0h9+AZZE=\n',
    );
    expect(goSum).toContain(
      'github.com/gorilla/mux v1.8.0 h1:i40aqfkR1h2SlN9hojwV5ZA91wcXFOvkdNIeFDP5koI=\n',
    );
    expect((await home.run(['list', '-m', '-versions', 'github.com/gorilla/mux'])).stdout).toContain(
      ' v1.8.0 ',
    );
  },
);
