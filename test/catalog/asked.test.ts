import { expect, test } from 'vitest';
import { createAsked } from '../../src/catalog/asked.ts';
import type { ModuleVersion } from '../../src/module/version.ts';

function open(max?: number) {
  const notes: { versions: readonly ModuleVersion[]; at: number }[] = [];
  let failure: Error | undefined;
  const asked = createAsked({
    async note(versions, at) {
      if (failure !== undefined) throw failure;
      notes.push({ versions, at });
    },
    now: () => 1000,
    ...(max !== undefined && { max }),
  });
  return {
    ...asked,
    notes,
    fail(error: Error | undefined) {
      failure = error;
    },
  };
}

const key = (version: string, file: string) => `example.com/!m/@v/${version}.${file}`;

test('each version that was asked for is noted once, whichever of its files it was', async () => {
  const asked = open();
  for (const file of ['info', 'mod', 'zip', 'zip']) asked.add(key('v1.0.0', file));
  asked.add(key('v1.1.0', 'mod'));
  await asked.flush();
  expect(asked.notes).toEqual([
    {
      versions: [
        { path: 'example.com/M', version: 'v1.0.0' },
        { path: 'example.com/M', version: 'v1.1.0' },
      ],
      at: 1000,
    },
  ]);
  await asked.flush();
  expect(asked.notes).toHaveLength(1);
});

test('what could not be noted is noted the next time', async () => {
  const asked = open();
  asked.add(key('v1.0.0', 'mod'));
  asked.fail(new Error('locked'));
  await expect(asked.flush()).rejects.toThrow('locked');
  asked.add(key('v1.1.0', 'mod'));
  asked.fail(undefined);
  await asked.flush();
  expect(asked.notes[0]!.versions.map(({ version }) => version).sort()).toEqual(['v1.0.0', 'v1.1.0']);
});

test('no more is gathered than the bound, also after a failure', async () => {
  const asked = open(3);
  for (let i = 0; i < 10; i++) asked.add(key(`v1.${i}.0`, 'mod'));
  asked.fail(new Error('locked'));
  const failing = asked.flush();
  for (let i = 0; i < 2; i++) asked.add(key(`v2.${i}.0+incompatible`, 'mod'));
  await expect(failing).rejects.toThrow('locked');
  asked.fail(undefined);
  await asked.flush();
  expect(asked.notes[0]!.versions).toHaveLength(3);
});
