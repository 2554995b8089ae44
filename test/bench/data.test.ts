import { crc32, inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  createData,
  projectGoMod,
  projectModules,
  sizedModule,
  version,
  zipSizes,
} from '../../bench/data.ts';
import { parseModFile } from '../../src/module/modfile.ts';
import { checkZip, entryDataOffset, readZipDirectory } from '../../src/module/zip.ts';

const data = createData();

describe('the modules of the benchmark', () => {
  test.each([
    ...(['20kb', '257kb', '10mb', '200mb'] as const).map((size) => sizedModule(size, 'one')),
    ...projectModules.slice(0, 5),
  ])('%s has a valid module zip with the content it declares', (path) => {
    const zip = Buffer.concat(data.zip(path, version));
    const readAt = (offset: number, length: number) => zip.subarray(offset, offset + length);
    const entries = readZipDirectory(zip.length, readAt);
    checkZip({ path, version }, zip.length, entries);
    for (const entry of entries.slice(0, 40)) {
      const offset = entryDataOffset(entry, readAt);
      const bytes = readAt(offset, entry.compressedSize);
      const content = entry.method === 0 ? bytes : inflateRawSync(bytes);
      expect([content.length, crc32(content)]).toEqual([entry.size, entry.crc32]);
      if (entry.name.endsWith('/go.mod')) expect(Buffer.compare(content, data.mod(path))).toBe(0);
    }
  });

  test('are as large as their names say, give or take a blob', () => {
    for (const size of ['20kb', '257kb', '10mb', '36mb'] as const) {
      const length = data.zip(sizedModule(size, 'one'), version).reduce((sum, part) => sum + part.length, 0);
      expect(length / zipSizes[size]).toBeGreaterThan(0.99);
      expect(length / zipSizes[size]).toBeLessThan(1.3);
    }
  });

  test('are told apart by their path alone, and the same on every run', () => {
    const [one, other] = ['one', 'other'].map((id) =>
      Buffer.concat(data.zip(sizedModule('20kb', id), version)),
    );
    expect(Buffer.compare(one!, other!)).not.toBe(0);
    expect(Buffer.compare(one!, Buffer.concat(createData().zip(sizedModule('20kb', 'one'), version)))).toBe(
      0,
    );
  });

  test('make a project whose go.mod lists what its modules require', () => {
    const listed = new Set(parseModFile(projectGoMod()).require.map((required) => required.path));
    expect(listed).toEqual(new Set(projectModules));
    for (const module of projectModules)
      for (const required of parseModFile(data.mod(module).toString()).require)
        expect(listed).toContain(required.path);
  });
});
