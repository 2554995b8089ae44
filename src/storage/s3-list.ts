import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { S3Lane } from './s3-lane.ts';
import type { Listed } from './store.ts';

/**
 * The blobs whose keys begin with `prefix`, page by page, however many, in the order of their bytes: that of the store. Names are
 * asked for escaped, since those of others in a shared bucket may hold what XML cannot.
 */
export async function* listS3(
  {
    lane,
    bucket,
    nameOf,
  }: { readonly lane: S3Lane; readonly bucket: string; readonly nameOf: (key: string) => string },
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Listed> {
  const base = nameOf('').length;
  let token: string | undefined;
  do {
    const command = () =>
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: nameOf(prefix),
        EncodingType: 'url',
        ContinuationToken: token,
      });
    const page = await lane.again((client, at) => client.send(command(), at), signal);
    for (const { Key: name = '', Size: size = 0 } of page.Contents ?? [])
      yield { key: decodeName(name).slice(base), size };
    token = page.NextContinuationToken;
    if (page.IsTruncated === true && token === undefined)
      throw new Error('the store has more keys and does not say how to get them');
  } while (token !== undefined);
}

function decodeName(name: string): string {
  return decodeURIComponent(name.replaceAll('+', ' '));
}
