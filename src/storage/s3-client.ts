import type { SecureContext } from 'node:tls';
import { S3Client } from '@aws-sdk/client-s3';

/** Where an S3 store is and who asks it. */
export interface S3Connection {
  /** The URL of a store that is not Amazon's. */
  readonly endpoint?: string;
  readonly region?: string;
  /** The bucket is the first element of the path and not a part of the host name. */
  readonly pathStyle?: boolean;
  /** Without them the standard chain: environment, shared files, web identity, container, instance. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** What TLS connections trust; asked for once, where the store speaks TLS. */
  readonly trust?: () => SecureContext;
  /** An HTTP proxy on the way. */
  readonly proxy?: URL;
}

const connectMs = 5_000;

/** A client of the SDK with so many connections at most, which makes each call once. */
export function createClient(connection: S3Connection, connections: number): S3Client {
  const { endpoint, region, pathStyle = false, credentials, trust, proxy } = connection;
  const agent = {
    keepAlive: true,
    maxSockets: connections,
    maxFreeSockets: connections,
    ...(proxy !== undefined && { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } }),
  };
  const isTls = endpoint === undefined || endpoint.startsWith('https:');
  return new S3Client({
    ...(endpoint !== undefined && { endpoint, region: region ?? 'us-east-1' }),
    ...(region !== undefined && { region }),
    ...(credentials !== undefined && { credentials }),
    forcePathStyle: pathStyle,
    maxAttempts: 1,
    // Stores of others do not know the checksums of Amazon; the signed SHA-256 of a body guards it everywhere.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would open a connection for each large body.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: connectMs,
      httpAgent: agent,
      httpsAgent: { ...agent, ...(isTls && trust !== undefined && { secureContext: trust() }) },
    },
  });
}
