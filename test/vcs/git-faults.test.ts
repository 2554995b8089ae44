import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Remote } from '../../src/vcs/remote.ts';
import { failure, filesOf, never, textOf } from '../conformance/repo-kit.ts';
import { git } from '../fakes/git-repos.ts';
import type { GitFault, GitRequestKind } from '../fakes/git-server.ts';
import { createRandom, noise } from '../faults/random.ts';
import { refusingUrl } from '../net/origin.ts';
import { type Bed, type BedOptions, openBed } from './bed.ts';
import { openFakeSsh } from './fake-ssh.ts';
import { processesOf } from './processes.ts';

const random = createRandom(505);

async function open(options: BedOptions = {}, more: Partial<Remote> = {}) {
  const bed = await openBed({ ...options, git: { stallMs: 1000, ...options.git } });
  onTestFinished(async () => {
    await bed[Symbol.asyncDispose]();
    expect(await processesOf(bed.folder)).toEqual([]);
  });
  const scripted = await bed.repos.create('acme/lib', [
    {
      commit: 'one',
      files: { 'go.mod': 'module example.com/m\n', noise: noise(random, 300_000) },
      tags: ['v1.0.0'],
    },
    { commit: 'two', files: { 'a.txt': '2' }, tags: ['v1.1.0'] },
  ]);
  return { bed, server: bed.server, repo: bed.git.open(bed.remote('acme/lib', more)), hash: scripted.hash };
}

const url = 'https://git.example.com/acme/lib';

describe.skipIf(git === undefined)('a remote', () => {
  const gopher = { username: 'gopher', password: 'pass-word' };

  test('that asks who we are does not exist for who has no credential', async () => {
    const { repo } = await open({ server: { login: gopher } });
    expect(await failure(repo.refs(never), 'notFound')).toBe(
      `${url}: there is none, or only for who logs in, and no credential here serves it`,
    );
  });

  test('that refuses our credential says so, without it', async () => {
    for (const credential of [
      { username: 'gopher', password: 'wrong-password' },
      { header: 'Authorization: Bearer wrong-password' },
    ]) {
      const { repo } = await open({ server: { login: gopher } }, { credential });
      expect(await failure(repo.refs(never), 'upstream')).toBe(
        `${url}: it refused our credential, which may have expired or lack the right to read`,
      );
    }
  });

  test('lets in who logs in, at once and without a word of it in a list of processes', async () => {
    const basic = Buffer.from('gopher:pass-word').toString('base64');
    for (const credential of [gopher, { header: `Authorization: Basic ${basic}` }]) {
      const { bed, repo, server, hash } = await open({ server: { login: gopher } }, { credential });
      server.fault('fetch', {
        do: 'hang',
        afterBytes: 0,
        until: new Promise((resolve) => setTimeout(resolve, 300)),
      });
      const read = textOf(repo, hash('one'), 'go.mod');
      await expect.poll(() => server.requests.at(-1)?.kind).toBe('fetch');
      const seen = await processesOf(bed.folder);
      expect(seen.length).toBeGreaterThan(0);
      for (const { command } of seen) expect(command.join(' ')).not.toMatch(/pass-word|gopher|Z29waGVy/);
      expect(await read).toBe('module example.com/m\n');
      expect(server.requests.every(({ headers }) => headers.authorization === `Basic ${basic}`)).toBe(true);
    }
  });

  const answers: [string, number, Record<string, string>, 'notFound' | 'upstream', string][] = [
    ['that is not there', 404, {}, 'notFound', 'there is no such repository'],
    ['that is gone', 410, {}, 'notFound', 'there is no such repository'],
    ['that forbids', 403, {}, 'upstream', 'it refused us (403): no right to read, or too many requests'],
    ['that has too much to do', 429, {}, 'upstream', 'it has too many requests from here (429)'],
    ['that fails', 503, {}, 'upstream', 'it answered with a failure of its own (503)'],
    ['that is no git server', 200, {}, 'upstream', 'what answers there is no git server'],
  ];
  test.each(answers)('%s is told apart', async (_, status, headers, kind, text) => {
    const { repo, server } = await open();
    server.fault('advertisement', { do: 'answer', status, headers, body: '<html>\n' }, 99);
    expect(await failure(repo.refs(never), kind)).toBe(`${url}: ${text}`);
    await failure(repo.stat('v1.0.0', never), kind);
  });

  test('that redirects is not followed', async () => {
    const { repo, server } = await open();
    const { bed: other } = await open();
    const location = `${other.server.url}/acme/lib/info/refs?service=git-upload-pack`;
    server.fault('advertisement', { do: 'answer', status: 302, headers: { location } }, 9);
    expect(await failure(repo.refs(never), 'upstream')).toBe(`${url}: it redirects elsewhere`);
    const { repo: later, server: laterServer } = await open();
    laterServer.fault(
      'ls-refs',
      { do: 'answer', status: 307, headers: { location: `${other.server.url}/acme/lib/git-upload-pack` } },
      9,
    );
    await failure(later.refs(never), 'upstream');
    expect(other.server.requests).toEqual([]);
  });

  test('is dialled at the addresses that were checked, whatever its name means', async () => {
    const { bed } = await open();
    const { port } = new URL(bed.server.url);
    const remote = {
      ...bed.remote('acme/lib'),
      fetchUrl: `http://git.example.com:${port}/acme/lib`,
      resolve: [`git.example.com:${port}:127.0.0.1`],
    };
    expect((await bed.git.open(remote).refs(never)).tags.size).toBe(2);
    expect(bed.server.requests[0]!.headers.host).toBe(`git.example.com:${port}`);
  });

  test('that refuses connections is told so, by the name of the public one', async () => {
    const { bed } = await open();
    const fetchUrl = `${await refusingUrl()}acme/lib`;
    const said = await failure(bed.git.open(bed.remote('acme/lib', { fetchUrl })).refs(never), 'upstream');
    expect(said).toBe(`${url}: no connection could be made`);
  });

  const stalls: [string, GitRequestKind, GitFault][] = [
    ['before the first answer', 'advertisement', { do: 'hang', afterBytes: 0 }],
    ['before its refs', 'ls-refs', { do: 'hang', afterBytes: 0 }],
    ['among its refs', 'ls-refs', { do: 'hang', afterBytes: 60 }],
    ['before a pack', 'fetch', { do: 'hang', afterBytes: 0 }],
    ['within a pack', 'fetch', { do: 'hang', afterBytes: 100 }],
  ];
  test.each(stalls)('that stalls %s is given up', async (_, kind, fault) => {
    const { bed, repo, server } = await open();
    server.fault(kind, fault);
    expect(await failure(repo.stat('v1.0.0', never), 'timeout')).toBe(`${url}: no answer for 1 s`);
    expect(await fetching(bed)).toEqual([]);
    expect((await repo.stat('v1.0.0', never)).tags).toEqual(['v1.0.0']);
  });

  test('of the older protocol that stalls is given up too', async () => {
    const { repo, server } = await open({ server: { protocol: 0 } });
    await repo.refs(never);
    server.fault('fetch', { do: 'hang', afterBytes: 0 }, 9);
    await failure(repo.stat('v1.0.0', never), 'timeout');
  });

  const breaks: [string, GitRequestKind, GitFault, 'upstream' | 'integrity'][] = [
    ['before its refs', 'ls-refs', { do: 'cut', afterBytes: 0 }, 'upstream'],
    ['among its refs', 'ls-refs', { do: 'cut', afterBytes: 60 }, 'upstream'],
    ['within a small pack', 'fetch', { do: 'cut', afterBytes: 100 }, 'upstream'],
    ['with a bit turned over', 'fetch', { do: 'corrupt', beforeEnd: 40 }, 'integrity'],
  ];
  test.each(breaks)(
    'that breaks %s fails, and is asked anew by the next',
    async (_, kind, fault, failing) => {
      const { repo, server } = await open();
      // More than once: over a connection that was kept, and may have broken before, it is tried again.
      server.fault(kind, fault, 99);
      await failure(repo.stat('v1.0.0', never), failing);
      server.calm();
      expect((await repo.stat('v1.0.0', never)).tags).toEqual(['v1.0.0']);
    },
  );

  test.each([
    ['breaks off', { do: 'cut', afterBytes: 200_000 }, 'upstream'],
    ['is corrupt', { do: 'corrupt', beforeEnd: 100_000 }, 'integrity'],
    ['never ends', { do: 'endless', begin: '000dpackfile\n', chunk: packet(65_515) }, 'integrity'],
    ['never begins', { do: 'endless', begin: '', chunk: packet(65_515) }, 'upstream'],
  ] as [string, GitFault, 'upstream' | 'integrity'][])(
    'whose large pack %s leaves nothing behind',
    async (_, fault, kind) => {
      const { bed, repo, server, hash } = await open({ git: { maxFetchBytes: 4_000_000 } });
      await repo.stat('v1.0.0', never);
      const before = bed.git.bytes;
      server.fault('fetch', fault, 99);
      await failure(repo.archive(hash('one'), '', never), kind);
      server.calm();
      expect(bed.git.bytes).toBe(before);
      const archive = await repo.archive(hash('one'), '', never);
      await once(archive.resume(), 'end');
    },
  );

  test('that closes a connection it had kept open is asked over a new one', async () => {
    const { bed, repo, server } = await open();
    await repo.refs(never);
    bed.later();
    for (const socket of server.sockets) socket.destroy();
    expect((await repo.refs(never)).tags.size).toBe(2);
    bed.later();
    server.fault('ls-refs', { do: 'cut', afterBytes: 0 });
    expect((await repo.refs(never)).tags.size).toBe(2);
  });

  test.each(['ls-refs', 'fetch'] as const)('is left at once when nobody waits for its %s', async (kind) => {
    const { bed, repo, server } = await open({ git: { stallMs: 60_000 } });
    server.fault(kind, { do: 'hang', afterBytes: kind === 'fetch' ? 50 : 0 });
    const stop = new AbortController();
    const asked = failure(repo.stat('v1.0.0', stop.signal), 'canceled');
    await expect.poll(() => server.requests.at(-1)?.kind).toBe(kind);
    expect((await processesOf(bed.folder)).length).toBeGreaterThan(0);
    stop.abort();
    await asked;
    expect(await server.requests.at(-1)!.over).toBe('cut');
    await expect.poll(() => fetching(bed)).toEqual([]);
  });

  test('is left when everything ends', async () => {
    const { bed, repo, server, hash } = await open({ git: { stallMs: 60_000 } });
    await repo.stat('v1.0.0', never);
    server.fault('fetch', { do: 'hang', afterBytes: 100 });
    const asked = failure(repo.archive(hash('one'), '', never), 'canceled');
    await expect.poll(() => server.requests.filter(({ kind }) => kind === 'fetch').length).toBe(2);
    await bed.git.close();
    expect(bed.run.running).toBe(0);
    expect(await processesOf(bed.folder)).toEqual([]);
    await asked;
    await failure(repo.refs(never), 'canceled');
  });
});

describe.skipIf(git === undefined)('a repository with broken objects', () => {
  async function openBroken() {
    const { bed } = await open();
    const scripted = await bed.repos.create('acme/odd', [
      { commit: 'one', files: { 'go.mod': 'm' }, tags: ['v1.0.0'] },
    ]);
    const write = (type: string, content: string | Uint8Array) =>
      scripted.git(['hash-object', '-t', type, '-w', '--stdin', '--literally'], content);
    const tag = async (name: string, commit: string) => {
      await scripted.git(['update-ref', `refs/tags/${name}`, commit]);
      bed.later();
    };
    const [tree, blob] = (await scripted.git(['rev-parse', 'v1.0.0^{tree}', 'v1.0.0:go.mod'])).split('\n');
    return {
      repo: bed.git.open(bed.remote('acme/odd')),
      write,
      tag,
      tree,
      blob: Buffer.from(blob!, 'hex'),
      scripted,
    };
  }
  const committer = 'committer Gopher <gopher@example.com> 1715000000 +0000';

  test('is told so where a commit cannot be read', async () => {
    const { repo, write, tag, tree } = await openBroken();
    const commit = await write('commit', `tree ${tree}\nauthor A <a> 1 +0000\n\nno committer\n`);
    await tag('v1.1.0', commit);
    expect(await failure(repo.stat('v1.1.0', never), 'integrity')).toContain(`commit ${commit} is malformed`);
    expect((await repo.stat('v1.0.0', never)).tags).toEqual(['v1.0.0']);
  });

  test('with old-fashioned objects is read all the same, as by the go command', async () => {
    const { repo, write, tag, tree, blob } = await openBroken();
    const folder = await write('tree', Buffer.concat([Buffer.from('0100664 b.txt\0'), blob]));
    const root = Buffer.concat([
      Buffer.from('100664 a.txt\0'),
      blob,
      Buffer.from('040000 d\0'),
      Buffer.from(folder, 'hex'),
    ]);
    const commit = await write('commit', `tree ${await write('tree', root)}\n${committer}\n\nold\n`);
    await tag('v1.1.0', commit);
    const { hash, time } = await repo.stat('v1.1.0', never);
    expect(time).toEqual(new Date(1715000000_000));
    expect(await textOf(repo, hash, 'd/b.txt')).toBe('m');
    expect(Object.keys(await filesOf(repo, hash))).toEqual(['a.txt', 'd/b.txt']);
    expect(tree).toHaveLength(40);
  });

  test.each(['..', '.', '.git', '../evil', '/etc/evil', ''])(
    'with a file named %j gives none of that name',
    async (name) => {
      const { repo, write, tag, blob } = await openBroken();
      const root = await write('tree', Buffer.concat([Buffer.from(`100644 ${name}\0`), blob]));
      await tag('v1.1.0', await write('commit', `tree ${root}\n${committer}\n\nhostile\n`));
      const read = async () => filesOf(repo, (await repo.stat('v1.1.0', never)).hash);
      await failure(read(), 'integrity');
      expect(await textOf(repo, (await repo.stat('v1.0.0', never)).hash, 'go.mod')).toBe('m');
    },
  );
});

describe.skipIf(git === undefined)('over TLS', () => {
  const caFile = fileURLToPath(new URL('../testdata/tls/ca.pem', import.meta.url));

  test('a remote is trusted by the authorities that were told', async () => {
    const { repo } = await open({ server: { certificate: 'server.pem' }, git: { caFile } });
    expect((await repo.refs(never)).tags.size).toBe(2);
  });

  test.each([
    ['whose authority nobody knows', 'server.pem', undefined],
    ['whose certificate has expired', 'expired.pem', caFile],
    ['whose certificate is for another name', 'other.pem', caFile],
  ])('a remote %s is refused', async (_, certificate, trusted) => {
    const { repo, server } = await open({
      server: { certificate },
      git: trusted === undefined ? {} : { caFile: trusted },
    });
    expect(await failure(repo.refs(never), 'upstream')).toMatch(/certificate/);
    expect(server.requests).toEqual([]);
  });

  test('a remote that does not speak it is told apart', async () => {
    const { bed } = await open();
    const fetchUrl = `https://${bed.server.host}/acme/lib`;
    const said = await failure(bed.git.open(bed.remote('acme/lib', { fetchUrl })).refs(never), 'upstream');
    expect(said).toBe(`${url}: the TLS handshake failed`);
  });
});

describe.skipIf(git === undefined)('over ssh', () => {
  async function openSsh(
    folderOf: (repos: string) => string,
    more: Partial<NonNullable<Remote['ssh']>> = {},
  ) {
    const { bed } = await open();
    const ssh = await openFakeSsh(`${bed.repos.folder}/bin`);
    await bed.restart({ path: ssh.path });
    const remote = bed.remote('acme/lib', {
      fetchUrl: `ssh://git@git.example.com:2222${folderOf(bed.repos.folder)}`,
      ssh: { hostName: '192.0.2.7', hostKeyAlias: 'git.example.com', ...more },
    });
    return { ssh, repo: bed.git.open(remote) };
  }

  test('the checked address is dialled, without any configuration, and unknown hosts are refused', async () => {
    const { ssh, repo } = await openSsh((repos) => `${repos}/acme/lib`, {
      knownHostsFile: '/etc/known hosts 100%',
      identityFile: '/etc/key',
    });
    expect((await repo.refs(never)).tags.size).toBe(2);
    const told = await ssh.arguments();
    expect(told.slice(0, 3)).toEqual(['-T', '-F', 'none']);
    expect(told).toEqual(
      expect.arrayContaining([
        'HostName=192.0.2.7',
        'HostKeyAlias=git.example.com',
        'StrictHostKeyChecking=yes',
        'UserKnownHostsFile="/etc/known hosts 100%%"',
        'IdentityFile="/etc/key"',
        'IdentitiesOnly=yes',
        'BatchMode=yes',
        'ProxyCommand=none',
      ]),
    );
    expect(told.slice(told.indexOf('-p'), -1)).toEqual(['-p', '2222', '-l', 'git', '--', 'git.example.com']);
  });

  test('a path means itself, whatever a shell would make of it', async () => {
    const { repo } = await openSsh(() => `/x';touch%20injected;'!`);
    expect(await failure(repo.refs(never), 'notFound')).toBe(`${url}: there is no such repository`);
  });
});

test('a remote that is no URL for git is not asked', async () => {
  const { bed } = await open();
  const ask = (more: Partial<Remote>) => bed.git.open(bed.remote('acme/lib', more)).refs(never);
  const file = `file://${bed.repos.folder}/acme/lib`;
  expect((await ask({ fetchUrl: file })).tags.size).toBe(2);
  for (const fetchUrl of [
    'ext::touch /tmp/x',
    'git://git.example.com/x',
    'ftp://git.example.com/x',
    '/etc',
    '--upload-pack=x',
    'host:path',
  ]) {
    await failure(ask({ fetchUrl, key: fetchUrl }), 'malformed');
  }
  await failure(ask({ url: file, fetchUrl: file, key: 'file' }), 'malformed');
  await failure(
    ask({ fetchUrl: `ssh://-oProxyCommand=x/y`, key: 'ssh', ssh: { hostName: '::1', hostKeyAlias: 'x' } }),
    'malformed',
  );
});

/** What runs for the copies in the bed's folder, without what reads them, which is kept for the next. */
async function fetching({ folder }: Bed): Promise<string[]> {
  const commands = (await processesOf(folder)).map(({ command }) => command.join(' '));
  return commands.filter((command) => command !== 'git cat-file --batch-command');
}

/** A line of a pack, as the protocol has it, that holds so many zeros. */
function packet(length: number): Buffer {
  const line = Buffer.alloc(length + 5);
  line.write((length + 5).toString(16).padStart(4, '0'));
  line[4] = 1;
  return line;
}
