import { expect, test } from 'vitest';
import { generateKey } from '../../src/sumdb/note.ts';
import { startStoa } from '../fakes/stoa.ts';
import { startSumdb } from '../fakes/sumdb.ts';
import { startUpstream } from '../fakes/upstream.ts';
import { go, openGoHome } from './go.ts';

const version = 'v1.0.0';
const open = 'example.com/open';
const own = 'corp.example.com/own';

test.skipIf(go === undefined)(
  'with the key of the house alone, go checks public and private modules, also when the network is gone',
  async () => {
    await using upstream = await startUpstream({
      modules: [open, own].map((path) => ({ path, versions: { [version]: {} } })),
    });
    await using database = await startSumdb();
    const { h1, modH1 } = upstream.fixture(open, version);
    database.add({ path: open, version }, { zip: h1, mod: modH1 });
    const key = generateKey('sum.corp.example.com', Buffer.alloc(32, 7));
    await using stoa = await startStoa({
      upstream: upstream.url,
      env: {
        STOA_SUMDB: `${database.verifierKey} ${database.url}`,
        STOA_LEDGER_KEY: key.signerKey,
        STOA_PRIVATE: 'corp.example.com',
        STOA_ROUTES: `corp.example.com=${upstream.url}`,
      },
    });
    const download = async (): Promise<string> => {
      await using home = await openGoHome(stoa.url);
      const files = {
        'go.mod': `module x.example.com\n\ngo 1.21\n\nrequire (\n\t${open} ${version}\n\t${own} ${version}\n)\n`,
      };
      const cwd = await home.project(files);
      const env = { GOSUMDB: key.verifierKey, GOFLAGS: '-modcacherw -mod=mod' };
      await home.run(['mod', 'download', 'all'], { cwd, env });
      return (await home.run(['mod', 'verify'], { cwd, env })).stdout;
    };
    expect(await download()).toContain('all modules verified');
    expect(database.requests.join()).not.toContain(own);
    await upstream.stop();
    await database.stop();
    await stoa.stop();
    await stoa.start();
    expect(await download()).toContain('all modules verified');
  },
);
