import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Opened } from '../../src/stash/modules.ts';
import { moduleFixture } from '../fakes/module-zip.ts';
import type { Fault, UpstreamModule } from '../fakes/upstream.ts';
import { ask, openHouse, readAll } from './house.ts';

const path = 'example.com/m';
const version = 'v1.0.0';
const m = { path, version };

/** A module whose zip is a few MiB that do not compress, so that it is too large for the memory tier and takes many chunks. */
function large(bytes = 3_000_000): UpstreamModule {
  const files = { 'go.mod': `module ${path}\n`, 'data.bin': randomBytes(bytes), 'm.go': 'package m\n' };
  return { path, versions: { [version]: { files } } };
}

const small: UpstreamModule = {
  path,
  versions: { 'v1.0.0': {}, 'v1.1.0': {}, 'v1.2.0-rc.1': {} },
  queries: { main: 'v1.1.0' },
};

const { zip: nextZip } = await moduleFixture({ path, version: 'v1.1.0' });

describe('a first request', () => {
  it.each(['info', 'mod'] as const)('fetches the .%s alone, and stores it', async (file) => {
    await using house = await openHouse({ modules: [small] });
    const opened = await house.stash.open(m, file, ask());
    expect(Buffer.from(opened.bytes!)).toEqual(house.upstream.fixture(path, version)[file]);
    expect(opened).toMatchObject({ outcome: 'miss', source: house.upstream.url, stored: true });
    expect(house.upstream.count()).toBe(1);
    expect(await house.store.stat(`${path}/@v/${version}.${file}`)).toBeDefined();
    expect(await house.stash.open(m, file, ask())).toMatchObject({ outcome: 'hit' });
    expect(house.upstream.count()).toBe(1);
  });

  it('for a zip publishes all four files, the hash among them', async () => {
    await using house = await openHouse({ modules: [small] });
    const fixture = house.upstream.fixture(path, version);
    expect(await readAll(house.stash.open(m, 'zip', ask({ mayStream: true })))).toEqual(fixture.zip);
    await expect.poll(() => house.store.stat(`${path}/@v/${version}.ziphash`)).toBeDefined();
    const keys = [];
    for await (const key of house.store.list(`${path}/@v/v`)) keys.push(key);
    expect(keys).toEqual(['info', 'mod', 'zip', 'ziphash'].map((file) => `${path}/@v/${version}.${file}`));
    await using hash = await house.store.get(`${path}/@v/${version}.ziphash`);
    expect(String((await hash!.read()[Symbol.asyncIterator]().next()).value)).toBe(fixture.h1);
  });

  it('streams a zip while it is fetched, and is a hit with an ETag from then on', async () => {
    await using house = await openHouse({ modules: [large()] });
    const hold = Promise.withResolvers<void>();
    const heal = house.upstream.fault(
      { kind: 'zip' },
      { do: 'hang', until: hold.promise, afterBytes: 1_000_000 },
    );
    const opened = await house.stash.open(m, 'zip', ask({ mayStream: true }));
    expect(opened).toMatchObject({ stored: false, outcome: 'miss' });
    expect(opened.etag).toBeUndefined();
    const reader = opened.read({ signal: new AbortController().signal })[Symbol.asyncIterator]();
    expect((await reader.next()).value!.length).toBeGreaterThan(0);
    hold.resolve();
    heal();
    while ((await reader.next()).done !== true);
    await opened.close();
    const { h1, zip } = house.upstream.fixture(path, version);
    const again = await house.stash.open(m, 'zip', ask());
    expect(again).toMatchObject({ stored: true, etag: `"${h1}-${zip.length}"`, size: zip.length });
    expect(await readAll(again)).toEqual(zip);
    expect(house.upstream.count({ kind: 'zip' })).toBe(1);
  });

  it('is one for a hundred who ask for the same zip', async () => {
    await using house = await openHouse({ modules: [large()] });
    const all = Array.from({ length: 100 }, (_, i) =>
      readAll(house.stash.open(m, 'zip', ask({ mayStream: i % 2 === 0 }))),
    );
    const { zip } = house.upstream.fixture(path, version);
    for (const got of await Promise.all(all)) expect(got.equals(zip)).toBe(true);
    expect(house.upstream.count({ kind: 'zip' })).toBe(1);
    expect(house.upstream.count({ kind: 'mod' })).toBe(1);
    expect(await house.leftOvers()).toEqual([]);
  });

  it('is given up when everybody who asked has left', async () => {
    await using house = await openHouse({ modules: [large()] });
    house.upstream.fault(
      { kind: 'zip' },
      { do: 'hang', until: new Promise(() => undefined), afterBytes: 100_000 },
    );
    const opened = await house.stash.open(m, 'zip', ask({ mayStream: true }));
    const request = await house.upstream.request({ kind: 'zip' });
    await opened.close();
    expect(await request.over).toBe('cut');
    await expect.poll(() => house.leftOvers()).toEqual([]);
    expect(house.stash.downloads).toBe(0);
  });
});

describe('a lying or failing upstream', () => {
  /** What the next request gets, after one that was cut or refused. */
  async function refusals(house: Awaited<ReturnType<typeof openHouse>>): Promise<unknown> {
    const first = await attempt(() => readAll(house.stash.open(m, 'zip', ask({ mayStream: true }))));
    expect(first).toBeInstanceOf(Error);
    expect(await house.store.stat(`${path}/@v/${version}.zip`)).toBeUndefined();
    expect(await house.store.stat(`${path}/@v/${version}.ziphash`)).toBeUndefined();
    await expect.poll(() => house.leftOvers()).toEqual([]);
    return attempt(() => readAll(house.stash.open(m, 'zip', ask())));
  }

  it('with the zip of another module is refused, remembered for a minute, and asked again after', async () => {
    await using house = await openHouse({ modules: [small] });
    const other = await moduleFixture({ path: 'example.com/other', version });
    const heal = house.upstream.fault({ kind: 'zip' }, { do: 'answer', body: other.zip });
    expect(await refusals(house)).toMatchObject({ kind: 'integrity' });
    expect(house.upstream.count({ kind: 'zip' })).toBe(1);
    heal();
    house.clock.now += 61_000;
    expect(await readAll(house.stash.open(m, 'zip', ask()))).toEqual(
      house.upstream.fixture(path, version).zip,
    );
  });

  it('with a zip whose go.mod is not the .mod is refused', async () => {
    await using house = await openHouse({ modules: [small] });
    house.upstream.fault({ kind: 'mod' }, { do: 'answer', body: `module ${path}\n\ngo 1.99\n` });
    expect(await refusals(house)).toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining('go.mod'),
    });
    expect(house.events).toContain('mismatch');
  });

  it('takes a go.mod that differs in its line ends alone', async () => {
    const files = { 'go.mod': `module ${path}\r\n\r\ngo 1.21\r\n`, 'm.go': 'package m\n' };
    await using house = await openHouse({
      modules: [{ path, versions: { [version]: { files, mod: `module ${path}\n\ngo 1.21\n` } } }],
    });
    expect(await readAll(house.stash.open(m, 'zip', ask()))).toEqual(
      house.upstream.fixture(path, version).zip,
    );
  });

  it('takes a zip without go.mod for the made up line, and for no other', async () => {
    const files = { 'm.go': 'package m\n' };
    await using house = await openHouse({
      modules: [
        {
          path,
          versions: {
            'v1.0.0': { files },
            'v1.1.0': { files, mod: `module ${path}\n\nrequire example.com/x v1.0.0\n` },
          },
        },
      ],
    });
    expect(await readAll(house.stash.open(m, 'zip', ask()))).toEqual(
      house.upstream.fixture(path, version).zip,
    );
    await expect(readAll(house.stash.open({ path, version: 'v1.1.0' }, 'zip', ask()))).rejects.toMatchObject({
      kind: 'integrity',
    });
  });

  it('with an info of another version is refused', async () => {
    await using house = await openHouse({ modules: [small] });
    house.upstream.fault({ kind: 'info' }, { do: 'answer', body: '{"Version":"v1.1.0"}' });
    expect(await refusals(house)).toMatchObject({ kind: 'integrity' });
  });

  it('that sends a page for a zip is refused before the client saw a head', async () => {
    await using house = await openHouse({ modules: [small] });
    house.upstream.fault({ kind: 'zip' }, { do: 'answer', body: '<html>Sign in', type: 'text/html' });
    await expect((async () => house.stash.open(m, 'zip', ask({ mayStream: true })))()).rejects.toMatchObject({
      kind: 'integrity',
    });
  });

  it.each([
    ['a zip that is cut off', { do: 'truncate', bytes: 500, declare: 'full' }, 'upstream'],
    ['a zip that ends early, cleanly', { do: 'truncate', bytes: 500, declare: 'sent' }, 'integrity'],
    ['a connection that is reset midway', { do: 'reset', afterBytes: 500 }, 'upstream'],
  ] as const)('with %s never completes it for a client', async (_, fault, kind) => {
    await using house = await openHouse({ modules: [large()] });
    house.upstream.fault({ kind: 'zip' }, fault);
    expect(await refusals(house)).toMatchObject({ kind });
  });

  it.each<[what: string, fault: Fault, reason: string]>([
    [
      'that ends early',
      { do: 'truncate', bytes: 500, declare: 'sent' },
      'malformed zip: it has no end record',
    ],
    [
      'of another version',
      { do: 'answer', body: nextZip },
      `invalid zip: "${path}@v1.1.0/go.mod" is not below ${path}@${version}/`,
    ],
  ])('with a zip %s is told with module and source, and counted', async (_, fault, reason) => {
    await using house = await openHouse({ modules: [large()] });
    house.upstream.fault({ kind: 'zip' }, fault);
    expect(await refusals(house)).toMatchObject({
      message: `${path}@${version}: ${reason} (sent by ${house.upstream.url})`,
    });
    expect(house.events).toEqual(['lying_upstream']);
  });

  it('with a zip beyond the limit is refused', async () => {
    await using house = await openHouse({ modules: [small], limits: { maxZipBytes: 100_000 } });
    house.upstream.fault({ kind: 'zip' }, { do: 'endless', body: Buffer.from('PK\x03\x04') });
    expect(await refusals(house)).toMatchObject({ kind: 'integrity' });
  });

  it('that does not know a version is believed for a minute', async () => {
    await using house = await openHouse({ modules: [small] });
    const unknown = { path, version: 'v9.9.9' };
    const open = async () => house.stash.open({ path, version: 'v1.9.9' }, 'info', ask());
    expect(unknown.path).toBe(path);
    for (let i = 0; i < 3; i++) await expect(open()).rejects.toMatchObject({ kind: 'notFound' });
    expect(house.upstream.count({ kind: 'info' })).toBe(1);
    house.clock.now += 61_000;
    await expect(open()).rejects.toMatchObject({ kind: 'notFound' });
    expect(house.upstream.count({ kind: 'info' })).toBe(2);
  });

  it('that is down is no absence, unless it had said so before', async () => {
    await using house = await openHouse({ modules: [small] });
    const open = async (name: string) => house.stash.open({ path, version: name }, 'info', ask());
    await expect(open('v1.8.8')).rejects.toMatchObject({ kind: 'notFound' });
    await house.restart();
    await house.upstream.stop();
    house.clock.now += 24 * 3600_000;
    await expect(open('v1.8.8')).rejects.toMatchObject({ kind: 'notFound' });
    await expect(open('v1.9.9')).rejects.toMatchObject({ kind: 'upstream' });
  });
});

describe('a stored version', () => {
  it('is served after a restart without the upstream, its zip checked anew', async () => {
    await using house = await openHouse({ modules: [large()] });
    const { info, mod, zip } = house.upstream.fixture(path, version);
    await readAll(house.stash.open(m, 'zip', ask()));
    await house.restart();
    await house.upstream.stop();
    expect(await readAll(house.stash.open(m, 'info', ask()))).toEqual(info);
    expect(await readAll(house.stash.open(m, 'mod', ask()))).toEqual(mod);
    const opened = await house.stash.open(m, 'zip', ask({ mayStream: true }));
    expect(opened).toMatchObject({ stored: false, outcome: 'hit' });
    expect(await readAll(opened)).toEqual(zip);
    expect(await house.stash.open(m, 'zip', ask({ mayStream: true }))).toMatchObject({ stored: true });
  });

  it('whose zip rotted is never completed', async () => {
    await using house = await openHouse({ modules: [large()] });
    await readAll(house.stash.open(m, 'zip', ask()));
    const rotten = Buffer.from(house.upstream.fixture(path, version).zip);
    rotten[rotten.length >> 1]! ^= 1;
    await house.store.put(`${path}/@v/${version}.zip`, rotten);
    await house.restart();
    const opened = await house.stash.open(m, 'zip', ask({ mayStream: true }));
    await expect(readAll(opened)).rejects.toMatchObject({ kind: 'integrity' });
    await expect(readAll(house.stash.open(m, 'zip', ask()))).rejects.toMatchObject({ kind: 'integrity' });
  });

  it('whose zip was swept away is fetched again, bound to its hash', async () => {
    await using house = await openHouse({ modules: [large()] });
    await readAll(house.stash.open(m, 'zip', ask()));
    await house.store.delete(`${path}/@v/${version}.zip`);
    await house.upstream.add(large());
    await house.restart();
    await expect(readAll(house.stash.open(m, 'zip', ask()))).rejects.toMatchObject({
      kind: 'integrity',
      message: expect.stringContaining('was served before'),
    });
    expect(house.events).toContain('mismatch');
  });

  it('without a hash is hashed by its first reader', async () => {
    await using house = await openHouse({ modules: [large()] });
    await readAll(house.stash.open(m, 'zip', ask()));
    await house.store.delete(`${path}/@v/${version}.ziphash`);
    await house.restart();
    await readAll(house.stash.open(m, 'zip', ask()));
    expect(await house.store.stat(`${path}/@v/${version}.ziphash`)).toBeDefined();
  });

  it('stands against another that was published meanwhile', async () => {
    await using house = await openHouse({ modules: [large()] });
    const hold = Promise.withResolvers<void>();
    house.upstream.fault({ kind: 'zip' }, { do: 'hang', until: hold.promise, afterBytes: 1000 });
    const losing = await house.stash.open(m, 'zip', ask({ mayStream: true }));
    const other = await moduleFixture(m, {
      files: { 'go.mod': `module ${path}\n`, 'other.go': 'package m\n' },
    });
    await house.store.put(`${path}/@v/${version}.zip`, other.zip);
    hold.resolve();
    await expect(readAll(losing)).rejects.toMatchObject({ kind: 'integrity' });
    expect(house.events).toContain('mismatch');
    expect(await readAll(house.stash.open(m, 'zip', ask()))).toEqual(other.zip);
  });

  it('serves what was published meanwhile when it is the same', async () => {
    await using house = await openHouse({ modules: [large()] });
    const hold = Promise.withResolvers<void>();
    house.upstream.fault({ kind: 'zip' }, { do: 'hang', until: hold.promise, afterBytes: 1000 });
    const opened = await house.stash.open(m, 'zip', ask({ mayStream: true }));
    const { zip } = house.upstream.fixture(path, version);
    await house.store.put(`${path}/@v/${version}.zip`, zip);
    hold.resolve();
    expect(await readAll(opened)).toEqual(zip);
  });

  it('withdrawn by an administrator is gone within one reading of the tombstones', async () => {
    await using house = await openHouse({ modules: [small] });
    await readAll(house.stash.open(m, 'mod', ask()));
    await readAll(house.stash.open(m, 'zip', ask()));
    const stone = {
      module: path,
      version,
      reason: 'leaked a key',
      time: '2026-01-01T00:00:00Z',
      by: 'administrator',
    };
    await house.store.put('gone/0000000000000001', Buffer.from(JSON.stringify(stone)));
    await house.stash.readTombstones(new AbortController().signal);
    for (const file of ['info', 'mod', 'zip'] as const) {
      await expect((async () => house.stash.open(m, file, ask()))()).rejects.toMatchObject({
        kind: 'gone',
        message: `${path}@${version}: withdrawn: leaked a key`,
      });
    }
    expect(String((await house.stash.list(path, ask())).bytes)).not.toContain(`${version}\n`);
    await house.store.put('gone/0000000000000002', Buffer.from(JSON.stringify({ ...stone, restored: true })));
    await house.stash.readTombstones(new AbortController().signal);
    expect(await readAll(house.stash.open(m, 'mod', ask()))).toEqual(
      house.upstream.fixture(path, version).mod,
    );
  });
});

describe('a request that forbids fetching', () => {
  it('gets what is stored, and not found for the rest, without a word to the upstream', async () => {
    await using house = await openHouse({ modules: [small] });
    await readAll(house.stash.open(m, 'zip', ask()));
    const before = house.upstream.count();
    const only = ask({ cachedOnly: true });
    expect((await house.stash.open(m, 'zip', only)).stored).toBe(true);
    await expect(
      (async () => house.stash.open({ path, version: 'v1.1.0' }, 'info', only))(),
    ).rejects.toMatchObject({ kind: 'notFound' });
    expect(String((await house.stash.list(path, only)).bytes)).toBe('v1.0.0\n');
    await expect((async () => house.stash.list('example.com/x', only))()).rejects.toMatchObject({
      kind: 'notFound',
    });
    expect(house.upstream.count()).toBe(before);
  });
});

describe('the memory tier', () => {
  it('answers at once, with one object for all', async () => {
    await using house = await openHouse({ modules: [small] });
    await readAll(house.stash.open(m, 'zip', ask()));
    await readAll(house.stash.open(m, 'zip', ask()));
    const hit = house.stash.open(m, 'zip', ask());
    expect(hit).not.toBeInstanceOf(Promise);
    expect((hit as Opened).bytes).toBeDefined();
    expect(house.stash.open(m, 'zip', ask())).toBe(hit);
  });
});

async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    return error;
  }
}
