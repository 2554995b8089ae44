import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GoHome, go, openGoHome } from '../go/go.ts';
import { type FakeSumdb, startSumdb, sumsOf } from './sumdb.ts';
import { type FakeUpstream, startUpstream } from './upstream.ts';

const module = { path: 'example.com/hello', version: 'v1.0.0' };
const asked = `${module.path}@${module.version}`;

// Other tests believe this fake, so the real go command judges it first: what is true, and each of its lies.
describe.skipIf(go === undefined)('the fake checksum database', () => {
  let upstream: FakeUpstream;
  let database: FakeSumdb;
  let home: GoHome;

  beforeEach(async () => {
    upstream = await startUpstream({
      modules: [
        {
          path: module.path,
          versions: { [module.version]: { files: { 'go.mod': `module ${module.path}\n` } } },
        },
      ],
    });
    database = await startSumdb();
    database.grow(250);
    const { h1, modH1 } = upstream.fixture(module.path, module.version);
    database.add(module, { zip: h1, mod: modH1 });
    database.grow(17);
    home = await openGoHome(upstream.url);
  });
  afterEach(async () => {
    await home[Symbol.asyncDispose]();
    await database.stop();
    await upstream.close();
  });

  const env = () => ({ GOSUMDB: `${database.verifierKey} ${database.url}` });

  test('is believed', async () => {
    await home.run(['mod', 'download', asked], { env: env() });
    expect(database.requests).toContain('lookup/example.com/hello@v1.0.0');
    expect(database.requests).toContain('tile/8/0/001.p/12');
  });

  test.each([
    [{ tells: 'foreign lines' }, /checksum (mismatch|missing from sumdb response)/],
    [{ tells: 'empty record' }, /checksum missing from sumdb response/],
    [{ tells: 'wrong record', sums: sumsOf('x') }, /cannot authenticate record data in server response/],
    [{ tells: 'forged record', sums: sumsOf('x') }, /downloaded inconsistent tile|checksum mismatch/],
    [{ tells: 'wrong key' }, /note has no verifiable signatures/],
    [{ tells: 'forged signature' }, /invalid signature for key/],
    [{ tells: 'truncated tiles' }, /bad result slice/],
    [{ tells: 'status', status: 404 }, /404 Not Found/],
    [{ tells: 'page' }, /malformed record data/],
  ] as const)('is not believed when it tells %j', async (lie, complaint) => {
    database.lie(lie);
    expect(await home.fail(['mod', 'download', asked], { env: env() })).toMatch(complaint);
  });

  test('is seen through when it rewrites what it said', async () => {
    await home.run(['mod', 'download', asked], { env: env() });
    const other = { path: module.path, version: 'v1.1.0' };
    await upstream.add({ path: other.path, versions: { [other.version]: {} } });
    database.rewrite(260);
    database.add(other);
    const complaint = await home.fail(['mod', 'download', `${other.path}@${other.version}`], { env: env() });
    expect(complaint).toMatch(/SECURITY ERROR\s+go\.sum database server misbehavior detected!/);
  });
});
