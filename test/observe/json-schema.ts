/** A JSON Schema, of which only the keywords below are understood. */
export type Schema = boolean | { readonly [keyword: string]: unknown };

/**
 * What is wrong with a value, a sentence each; none when it is valid. Knows the few keywords our own schemas use and
 * throws on any other, so that a rule is never passed over in silence.
 */
export function schemaErrors(schema: Schema, value: unknown, at = '$'): string[] {
  if (typeof schema === 'boolean') return schema ? [] : [`${at} is not allowed`];
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    const check = keywords[keyword];
    if (check === undefined) throw new Error(`unknown keyword ${keyword}`);
    return check(rule as never, value as never, at, schema);
  });
}

type Check = (
  rule: never,
  value: never,
  at: string,
  schema: { readonly [keyword: string]: unknown },
) => string[];

const nothing: Check = () => [];

const keywords: Readonly<Record<string, Check>> = {
  $schema: nothing,
  title: nothing,
  description: nothing,
  // Both belong to `if`.
  // biome-ignore lint/suspicious/noThenProperty: it is the keyword of JSON Schema
  then: nothing,
  else: nothing,
  type: (rule: string | string[], value: unknown, at) =>
    [rule].flat().some((type) => hasType(type, value)) ? [] : [`${at} is not of type ${rule}`],
  enum: (rule: unknown[], value: unknown, at) =>
    rule.includes(value) ? [] : [`${at} is not one of ${rule}`],
  const: (rule: unknown, value: unknown, at) => (rule === value ? [] : [`${at} is not ${rule}`]),
  pattern: (rule: string, value: unknown, at) =>
    typeof value !== 'string' || new RegExp(rule, 'u').test(value) ? [] : [`${at} does not match ${rule}`],
  minLength: (rule: number, value: unknown, at) =>
    typeof value !== 'string' || [...value].length >= rule ? [] : [`${at} is shorter than ${rule}`],
  maxLength: (rule: number, value: unknown, at) =>
    typeof value !== 'string' || [...value].length <= rule ? [] : [`${at} is longer than ${rule}`],
  minimum: (rule: number, value: unknown, at) =>
    typeof value !== 'number' || value >= rule ? [] : [`${at} is below ${rule}`],
  maximum: (rule: number, value: unknown, at) =>
    typeof value !== 'number' || value <= rule ? [] : [`${at} is above ${rule}`],
  required: (rule: string[], value: object, at) =>
    rule.filter((name) => !Object.hasOwn(value, name)).map((name) => `${at} has no ${name}`),
  properties: (rule: Record<string, Schema>, value: Record<string, unknown>, at) =>
    Object.entries(rule).flatMap(([name, schema]) =>
      Object.hasOwn(value, name) ? schemaErrors(schema, value[name], `${at}.${name}`) : [],
    ),
  additionalProperties: (rule: Schema, value: Record<string, unknown>, at, schema) =>
    Object.entries(value).flatMap(([name, part]) =>
      Object.hasOwn((schema.properties ?? {}) as object, name)
        ? []
        : schemaErrors(rule, part, `${at}.${name}`),
    ),
  if: (rule: Schema, value: unknown, at, schema) => {
    const branch = schemaErrors(rule, value, at).length === 0 ? schema.then : schema.else;
    return branch === undefined ? [] : schemaErrors(branch as Schema, value, at);
  },
};

function hasType(type: string, value: unknown): boolean {
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}
