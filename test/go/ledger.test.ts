import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StoaError } from '../../src/errors.ts';
import type { ModuleVersion } from '../../src/module/version.ts';
import { checked } from '../../src/storage/checked.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import { createLedger, type Ledger } from '../../src/sumdb/ledger.ts';
import { generateKey, parseSignerKey } from '../../src/sumdb/note.ts';
import type { Sums } from '../../src/sumdb/sums.ts';
import { type ServedLedger, serveLedger } from '../fakes/ledger.ts';
import { sumsOf } from '../fakes/sumdb.ts';
import { type FakeUpstream, startUpstream } from '../fakes/upstream.ts';
import { type GoHome, go, openGoHome } from './go.ts';
import { generateGraph } from './graph.ts';

const graph = generateGraph(40);
const signer = parseSignerKey(generateKey('sum.corp.example', Buffer.alloc(32, 1)).signerKey);
const life = new AbortController();

describe.skipIf(go === undefined)('the go command, whose only checksum database is the private log', () => {
  let upstream: FakeUpstream;
  let served: ServedLedger;
  const store = checked(createMemoryStore());
  let ledger = openLedger();

  beforeAll(async () => {
    upstream = await startUpstream({ modules: graph.modules });
    served = await serveLedger(() => ledger);
  });
  afterAll(async () => {
    life.abort();
    await served?.[Symbol.asyncDispose]();
    await upstream?.close();
  });

  function openLedger(): Ledger {
    return createLedger({
      signer,
      store,
      proveLines,
      log: { warn() {} },
      recorder: { event() {} },
      deadlineMs: 10_000,
      life: life.signal,
    });
  }

  /** As a server does that fetches what it is asked to prove; it was lied to about one version. */
  async function proveLines({ path, version }: ModuleVersion): Promise<Sums> {
    if (path === 'example.com/forged') return sumsOf('another content');
    const known = graph.modules.some((module) => module.path === path && module.versions[version]);
    if (!known) throw new StoaError('notFound', `${path}@${version}: no such version`);
    const { h1, modH1 } = upstream.fixture(path, version);
    return { zip: h1, mod: modH1 };
  }

  /** A machine that goes to the log first, which has no modules, and then to the upstream, which has no database. */
  async function openHome(): Promise<GoHome> {
    const home = await openGoHome(`${served.url},${upstream.url}`);
    const withDatabase = { GOSUMDB: signer.verifierKey };
    const run: GoHome['run'] = (args, more) =>
      home.run(args, { ...more, env: { ...withDatabase, ...more?.env } });
    const fail: GoHome['fail'] = (args, more) =>
      home.fail(args, { ...more, env: { ...withDatabase, ...more?.env } });
    return { ...home, run, fail };
  }

  test('downloads a project, with every module looked up', async () => {
    await using home = await openHome();
    const cwd = await home.project({ 'go.mod': graph.goMod });
    await home.run(['mod', 'download'], { cwd });
    expect(served.requests).toContain('200 /sumdb/sum.corp.example/supported');
    const lookups = served.requests.filter((request) => request.includes('/lookup/'));
    expect(lookups).toHaveLength(graph.nodes.length);
    expect(served.requests.filter((request) => !/^(200 \/sumdb\/|404 \/(?!sumdb\/))/.test(request))).toEqual(
      [],
    );
  });

  test('believes the log again when it has grown, after a restart', async () => {
    await using home = await openHome();
    const [first, ...others] = graph.nodes;
    await home.run(['mod', 'download', `${first!.path}@${first!.version}`]);
    ledger = openLedger();
    await upstream.add({
      path: 'example.com/later',
      versions: { 'v1.0.0': { files: { 'go.mod': 'module example.com/later\n' } } },
    });
    const sums = upstream.fixture('example.com/later', 'v1.0.0');
    await ledger.add(
      { path: 'example.com/later', version: 'v1.0.0' },
      { zip: sums.h1, mod: sums.modH1 },
      life.signal,
    );
    await home.run(['mod', 'download', 'example.com/later@v1.0.0']);
    await home.run(['mod', 'download', ...others.map(({ path, version }) => `${path}@${version}`)]);
  });

  test('refuses a module that is not what was logged', async () => {
    await upstream.add({
      path: 'example.com/forged',
      versions: { 'v1.0.0': { files: { 'go.mod': 'module example.com/forged\n' } } },
    });
    await using home = await openHome();
    const said = await home.fail(['mod', 'download', 'example.com/forged@v1.0.0']);
    expect(said).toContain('SECURITY ERROR');
    expect(said).toContain(`sum.corp.example: ${sumsOf('another content').mod}`);
  });

  test('takes no other key of the same name', async () => {
    await using home = await openHome();
    const other = generateKey('sum.corp.example', Buffer.alloc(32, 2)).verifierKey;
    const { path, version } = graph.nodes[0]!;
    const said = await home.fail(['mod', 'download', `${path}@${version}`], { env: { GOSUMDB: other } });
    expect(said).toContain('reading tree note');
  });
});
