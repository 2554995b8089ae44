import type { Machine } from './machine.ts';
import type { Type } from './types.ts';

/** What a setting is, said once. Its names follow from its place in `schema`, see `named`. */
export interface Setting<T> {
  readonly type: Type<T>;
  readonly default: T | Computed<T>;
  /** One line for docs/settings.md and the help. */
  readonly doc: string;
  /** It is never shown, has no flag, and may come from the file that `…_file` names. */
  readonly secret: boolean;
  /** Variables that other container images know too: stronger than a file, weaker than `STOA_…`. */
  readonly containers: readonly string[];
  /** Variables meant for the go command and other programs: used when nobody set it, the first that is not empty. */
  readonly inherits: readonly string[];
}

/** A default that depends on the machine. */
export interface Computed<T> {
  /** For the documentation. */
  readonly text: string;
  from(machine: Machine): T;
}

/** True for a default that depends on the machine. */
export function isComputed<T>(value: T | Computed<T>): value is Computed<T> {
  return typeof value === 'object' && value !== null && 'from' in value && 'text' in value;
}

/** A setting with no more to it than is given. */
export function setting<T>(
  type: Type<T>,
  value: NoInfer<T> | Computed<NoInfer<T>>,
  doc: string,
  more: Partial<Pick<Setting<T>, 'secret' | 'containers' | 'inherits'>> = {},
): Setting<T> {
  return { type, default: value, doc, secret: false, containers: [], inherits: [], ...more };
}
