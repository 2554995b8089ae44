import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { storeSuite } from '../conformance/store.ts';
import { openFolder } from '../conformance/store-kit.ts';
import { forbidFolder, leftOvers, openChecked } from './disk-kit.ts';

async function open() {
  const folder = await openFolder();
  await chmod(folder.path, 0o755);
  return {
    store: await openChecked({ root: folder.path }),
    forbid: (key: string) => forbidFolder(join(folder.path, key)),
    leftOvers: () => leftOvers(folder.path),
    close: async () => folder[Symbol.asyncDispose](),
  };
}

storeSuite('a folder on disk', open, { nesting: 'refused' });
