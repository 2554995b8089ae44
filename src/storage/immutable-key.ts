/**
 * True for a key under which one content stands as long as any does: the files of a version, and the tiles and look-ups of a
 * checksum database. All else changes (what a source said last, lists), or is of no use twice.
 */
export function isImmutableKey(key: string): boolean {
  return moduleFile.test(key) || sumdbFile.test(key);
}

const moduleFile = /^[^/]*\.[^/]*\/(?:.+\/)?@v\/[^/]+\.(?:info|mod|zip|ziphash)$/;
const sumdbFile = /^sumdb\/[^/]+\/(?:tile|lookup)\//;
