/** A module at a canonical version. */
export interface ModuleVersion {
  readonly path: string;
  readonly version: string;
}
