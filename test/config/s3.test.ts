import { describe, expect, test } from 'vitest';
import { load, problemsOf } from './machine.ts';

const s3 = { STOA_STORAGE_TYPE: 's3', STOA_S3_BUCKET: 'modules' };

describe('a store of type s3', () => {
  test.each<[string, Record<string, string>, string]>([
    [
      'a bucket',
      { STOA_STORAGE_TYPE: 's3' },
      'storage.type s3 (from STOA_STORAGE_TYPE) needs s3.bucket, which is not set (the default)',
    ],
    [
      'the secret of its key',
      { ...s3, STOA_S3_ACCESS_KEY_ID: 'k' },
      's3.access_key_id (from STOA_S3_ACCESS_KEY_ID) needs s3.secret_access_key, which is not set (the default)',
    ],
    [
      'the key of its secret',
      { ...s3, STOA_S3_SECRET_ACCESS_KEY: 's' },
      's3.secret_access_key (from STOA_S3_SECRET_ACCESS_KEY) needs s3.access_key_id, which is not set (the default)',
    ],
    [
      'the key of its token',
      { ...s3, STOA_S3_SESSION_TOKEN: 't' },
      's3.session_token (from STOA_S3_SESSION_TOKEN) needs s3.access_key_id, which is not set (the default)',
    ],
  ])('needs %s', (_, env, problem) => {
    expect(problemsOf({ env })).toEqual([problem]);
  });

  test.each([
    ['STOA_S3_BUCKET', 'modules', 's3.bucket'],
    ['STOA_S3_ENDPOINT', 'http://minio:9000', 's3.endpoint'],
    ['STOA_STORAGE_CACHE', '1GiB', 'storage.cache'],
  ])('is what %s is for', (variable, value, name) => {
    expect(problemsOf({ env: { [variable]: value } })).toEqual([
      `${name} (from ${variable}) has no effect with storage.type disk (the default)`,
    ]);
  });

  test('takes region and endpoint from where the programs of AWS do', () => {
    const env = { AWS_REGION: 'eu-central-1', AWS_ENDPOINT_URL: 'http://localhost:4566' };
    expect(load({ env: { ...env, ...s3 } }).settings.s3).toMatchObject({
      region: 'eu-central-1',
      endpoint: 'http://localhost:4566',
    });
    // Which say nothing where modules are kept elsewhere.
    expect(load({ env }).settings.storage.type).toBe('disk');
  });

  test('is what minio means', () => {
    const env = { ...s3, STOA_STORAGE_TYPE: 'minio' };
    expect(load({ env }).settings.storage.type).toBe('s3');
  });

  test.each([
    ['', ''],
    ['go', 'go/'],
    ['go/modules/', 'go/modules/'],
  ])('has names that begin with the prefix %j', (prefix, expected) => {
    expect(load({ env: { ...s3, STOA_S3_PREFIX: prefix } }).settings.s3.prefix).toBe(expected);
  });

  test.each(['/go', 'go//modules', '.go', '../go', 'go modules', 'ä', 'x'.repeat(64)])(
    'has no prefix %j',
    (prefix) => {
      expect(problemsOf({ env: { ...s3, STOA_S3_PREFIX: prefix } })).toHaveLength(1);
    },
  );

  test.each(['minio:9000', 'ftp://minio', 'https://key:secret@minio'])('is not at %j', (endpoint) => {
    const [problem] = problemsOf({ env: { ...s3, STOA_S3_ENDPOINT: endpoint } });
    expect(problem).toContain('is not an http or https URL without a user');
    expect(problem).not.toContain('secret@');
  });
});

describe('Athens on S3', () => {
  const sample = `
StorageType = "s3"
[Storage.S3]
Region = "eu-central-1"
Key = "key"
Secret = "a secret"
Token = ""
Bucket = "athens"
ForcePathStyle = false
UseDefaultConfiguration = false
CredentialsEndpoint = ""
AwsContainerCredentialsRelativeURI = ""
Endpoint = ""
`;

  test('keeps its modules beside those of Athens, in the same bucket', () => {
    const { settings, warnings } = load({ files: { 'athens.toml': sample } });
    expect(settings.storage.type).toBe('s3');
    expect(settings.s3).toMatchObject({
      bucket: 'athens',
      prefix: 'stoa/',
      region: 'eu-central-1',
      pathStyle: false,
      createBucket: false,
      accessKeyId: 'key',
      secretAccessKey: 'a secret',
      sessionToken: '',
    });
    expect(warnings).toEqual([
      'athens.toml (StorageType): modules are stored below stoa/ in the bucket; reading the objects of Athens in place is not available in this version of Stoa',
    ]);
  });

  test('is set by its variables', () => {
    const env = {
      ATHENS_STORAGE_TYPE: 's3',
      AWS_REGION: 'us-east-2',
      ATHENS_S3_BUCKET_NAME: 'athens',
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'a secret',
      AWS_SESSION_TOKEN: 'a token',
      AWS_FORCE_PATH_STYLE: 'true',
      AWS_ENDPOINT: 'https://objects.example.com',
    };
    expect(load({ env }).settings.s3).toMatchObject({
      bucket: 'athens',
      region: 'us-east-2',
      accessKeyId: 'key',
      secretAccessKey: 'a secret',
      sessionToken: 'a token',
      pathStyle: true,
      endpoint: 'https://objects.example.com',
    });
    // Ours are stronger.
    const ours = load({ env: { ...env, STOA_S3_PREFIX: 'elsewhere' } });
    expect(ours.settings.s3.prefix).toBe('elsewhere/');
  });

  test.each([
    ['AWS_CREDENTIALS_ENDPOINT', 'http://169.254.170.2', undefined],
    ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', '/v2/credentials/1', undefined],
    [
      'AWS_CREDENTIALS_ENDPOINT',
      'http://localhost:9911',
      'AWS_CREDENTIALS_ENDPOINT: Stoa takes the whole URL from AWS_CONTAINER_CREDENTIALS_FULL_URI; set that instead',
    ],
  ])('with credentials from %s=%s', (variable, value, problem) => {
    const env = { ATHENS_STORAGE_TYPE: 's3', ATHENS_S3_BUCKET_NAME: 'b', [variable]: value };
    expect(problemsOf({ env })).toEqual(problem === undefined ? [] : [problem]);
  });
});

describe('Athens on MinIO', () => {
  const env = {
    ATHENS_STORAGE_TYPE: 'minio',
    ATHENS_MINIO_ENDPOINT: '127.0.0.1:9001',
    ATHENS_MINIO_ACCESS_KEY_ID: 'minio',
    ATHENS_MINIO_SECRET_ACCESS_KEY: 'minio123',
    ATHENS_MINIO_BUCKET_NAME: 'gomods',
  };

  test('is S3 with the bucket in the path, which is made where it is missing', () => {
    const { settings } = load({ env });
    expect(settings.storage.type).toBe('s3');
    expect(settings.s3).toMatchObject({
      endpoint: 'http://127.0.0.1:9001',
      bucket: 'gomods',
      prefix: 'stoa/',
      pathStyle: true,
      createBucket: true,
      accessKeyId: 'minio',
      secretAccessKey: 'minio123',
    });
  });

  test.each([
    ['minio:9000', 'true', 'https://minio:9000'],
    ['http://minio:9000', 'true', 'https://minio:9000'],
    ['https://minio:9000', 'false', 'http://minio:9000'],
  ])('at %s with SSL %s is %s, as Athens has it', (endpoint, ssl, expected) => {
    const said = { ...env, ATHENS_MINIO_ENDPOINT: endpoint, ATHENS_MINIO_USE_SSL: ssl };
    expect(load({ env: said }).settings.s3.endpoint).toBe(expected);
  });

  test('has no use for what is said of S3', () => {
    const { settings, notes } = load({ env: { ...env, ATHENS_S3_BUCKET_NAME: 'other' } });
    expect(settings.s3.bucket).toBe('gomods');
    expect(notes.join('\n')).toMatch(/ATHENS_S3_BUCKET_NAME[^\n]*a type of storage that is not selected/);
  });
});
