import type { Setting } from './setting.ts';

/** A setting with everything it is called. */
export interface NamedSetting {
  readonly setting: Setting<unknown>;
  /** The keys that lead to it in `schema` and in `Settings`: one, or a group and one. */
  readonly keys: readonly string[];
  /** In a TOML file, and in messages: `http.header_timeout`. */
  readonly name: string;
  /** `STOA_HTTP_HEADER_TIMEOUT` */
  readonly variable: string;
  /** `--http-header-timeout`; for a secret that of its file, since arguments are seen by every user of a machine. */
  readonly flag: string;
}

/** The settings of a schema, or of a part of it that these keys lead to, in its order. */
export function nameSettings(part: object, keys: readonly string[]): NamedSetting[] {
  return Object.entries(part).flatMap(([key, value]) => {
    const path = [...keys, key];
    return 'doc' in value ? [nameSetting(value, path)] : nameSettings(value, path);
  });
}

function nameSetting(setting: Setting<unknown>, keys: readonly string[]): NamedSetting {
  const name = keys
    .map((key) => key.replace(/(Ms|Bytes)$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    .join('.');
  const flag = `--${name.replace(/[._]/g, '-')}`;
  return {
    setting,
    keys,
    name,
    variable: `STOA_${name.replaceAll('.', '_').toUpperCase()}`,
    flag: setting.secret ? `${flag}-file` : flag,
  };
}
