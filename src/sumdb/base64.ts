/**
 * The bytes of a base64 text with padding, or undefined: encoding/base64's StdEncoding, which passes over line ends.
 * Node alone would pass over whatever it does not know.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const joined = text.replace(/[\r\n]/g, '');
  const isWhole = joined.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(joined);
  return isWhole ? Buffer.from(joined, 'base64') : undefined;
}
