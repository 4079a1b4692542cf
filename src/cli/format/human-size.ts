const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** `1.23GB`: powers of 1000, `digits` significant digits (4 where the API's own texts are matched, 3 in listings). */
export function humanSize(bytes: number, digits = 4): string {
  return scaled(bytes, digits, 1000, decimalUnits);
}

/** `1.5GiB`: powers of 1024, 4 significant digits. */
export function binarySize(bytes: number): string {
  return scaled(bytes, 4, 1024, binaryUnits);
}

function scaled(bytes: number, digits: number, base: number, units: readonly string[]): string {
  let size = bytes;
  let unit = 0;
  while (size >= base && unit < units.length - 1) {
    size /= base;
    unit++;
  }
  return significant(size, digits) + units[unit];
}

/** C's `%.Ng`. */
export function significant(value: number, digits: number): string {
  if (value === 0) return '0';
  const exponent = Number(value.toExponential(digits - 1).split('e')[1]);
  if (exponent < -4 || exponent >= digits) {
    const [mantissa, power] = value.toExponential(digits - 1).split('e') as [string, string];
    return `${trimZeros(mantissa)}e${power[0]}${power.slice(1).padStart(2, '0')}`;
  }
  return trimZeros(value.toFixed(Math.max(0, digits - 1 - exponent)));
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
