/** What an S3 store's refusal means, or the lack of its answer. */

/** The store said that there is no such blob; that there is no such bucket is another matter. */
export function isAbsentKey(error: unknown): boolean {
  return nameOf(error) === 'NoSuchKey';
}

/** Nothing is there: all that the answer to a HEAD can say. */
export function isNotFound(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** The range begins at the end of the blob or beyond. */
export function isBeyondEnd(error: unknown): boolean {
  return statusOf(error) === 416;
}

/** A condition of the request did not hold. */
export function isRefusedCondition(error: unknown): boolean {
  return statusOf(error) === 412;
}

/** Another write of the same key is under way: the condition was neither found to hold nor not to. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}

/** The upload in parts was completed, or given up by somebody. */
export function isNoUpload(error: unknown): boolean {
  return nameOf(error) === 'NoSuchUpload';
}

/**
 * The same request may work in a moment: no answer came, or one that says so. What the request asked for may have
 * happened nevertheless.
 */
export function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  if (status === undefined) return isUnanswered(error);
  return status >= 500 || status === 429 || status === 408 || passingNames.includes(nameOf(error));
}

/** The same failure with a message of one line for people; it means what it meant. */
export function inWords(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name } = error;
  const status = statusOf(error);
  if (status === undefined)
    return error.message !== '' ? error : new Error(codeOf(error) ?? name, { cause: error });
  const said = ['', 'UnknownError', name].includes(error.message) ? '' : `: ${error.message}`;
  const worded = new Error(`the store answers ${status} ${name}${said}`, { cause: error });
  return Object.assign(worded, { name, $metadata: { httpStatusCode: status } });
}

/** Codes of S3 beside the statuses: a request body that came too slowly, a clock that is wrong until the SDK has learnt by how much. */
const passingNames = ['RequestTimeout', 'RequestTimeTooSkewed', 'OperationAborted'];

function isUnanswered(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // An answer whose end was cut off is XML that ends too early.
  return codeOf(error) !== undefined || error.name === 'TimeoutError' || '$response' in error;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function codeOf(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}
