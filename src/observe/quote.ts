/**
 * A string as a JSON string that never breaks a line: beside what JSON asks for, DEL, the C1 controls and the
 * Unicode line separators are escaped, which some terminals and log readers obey.
 */
export function quote(text: string): string {
  return unsafe.test(text) ? escapeControls(JSON.stringify(text)) : `"${text}"`;
}

/** JSON text without a raw control character or line separator; they can stand only inside its strings. */
export function escapeControls(json: string): string {
  return json.replace(
    /[\x7f-\x9f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const unsafe = /["\\\x00-\x1f\x7f-\uffff]/;
