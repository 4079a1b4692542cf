import { significant } from '../human-size.ts';

/** Marks an object as a structure of Go by its type's name, for messages. */
export const goType: unique symbol = Symbol('goType');

/** What `json` writes of a structure whose fields have other names in JSON than in Go. */
export const goJson: unique symbol = Symbol('goJson');

/** Marks an object of an API answer that is a structure of Go: it has fields, not keys. */
export const goStruct: unique symbol = Symbol('goStruct');

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function mapEntries(value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

export function isTrue(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return goType in value || goStruct in value || Object.keys(value).length > 0;
  return value !== '' && value !== 0 && value !== 0n && value !== false;
}

export function typeName(value: unknown): string {
  if (isMap(value)) return (value as { [goType]?: string })[goType] ?? 'map[string]interface {}';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (typeof value === 'bigint') return 'int';
  return typeof value === 'string' ? 'string' : 'interface {}';
}

/** An action's result as a template prints it. */
export function printValue(value: unknown): string {
  return value === undefined ? '<no value>' : formatValue(value);
}

/** Go's `%v`. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'function') return formatValue((value as () => unknown)());
  if (Array.isArray(value)) return `[${value.map(formatValue).join(' ')}]`;
  if (isMap(value) && goStruct in value) return `{${Object.values(value).map(formatValue).join(' ')}}`;
  if (isMap(value))
    return `map[${mapEntries(value)
      .map(([key, one]) => `${key}:${formatValue(one)}`)
      .join(' ')}]`;
  if (typeof value === 'number' && !Number.isInteger(value)) return formatFloat(value);
  return String(value);
}

/** Go's `%v` of a float: the shortest text, with an exponent from 1e21 on and below 1e-4. */
function formatFloat(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e21)) return significant(value, 17).replace(/0+e/, 'e');
  return String(value);
}
