// Numbers as people read them. What is not known is null and says so; it is never 0.

export const UNKNOWN = "unknown";
const MINUS = "−";

/** Whether something is a number that can be drawn: a log may hold "NaN" and null. */
export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** Write a number with so many decimals. */
export function fixed(value, decimals = 2) {
  if (value === null || value === undefined) return UNKNOWN;
  if (!isNumber(value)) return String(value);
  if (Math.abs(value) >= 1e6) return value.toExponential(1).replaceAll("-", MINUS);
  if (value !== 0 && Math.abs(value) < 10 ** -decimals) return digits(value);
  return value.toFixed(decimals).replace("-", MINUS);
}

/** Write a number in three digits, however small it is. */
export function digits(value) {
  if (!isNumber(value)) return fixed(value);
  const size = Math.abs(value);
  if (value !== 0 && size < 1e-4) return value.toExponential(1).replaceAll("-", MINUS);
  if (size >= 1e6) return fixed(value);
  const decimals = size >= 1 || value === 0 ? 2 : 2 - Math.floor(Math.log10(size));
  return value.toFixed(Math.min(6, decimals)).replace("-", MINUS);
}

/** Write a number with its sign. */
export function signed(value, decimals = 2) {
  return isNumber(value) && value > 0 ? `+${fixed(value, decimals)}` : fixed(value, decimals);
}

/** Write a count with its thousands marked. */
export function count(value) {
  return isNumber(value) ? Math.round(value).toLocaleString("en-US") : fixed(value);
}

/** Write a share of 1 in percent. */
export function percent(value) {
  return isNumber(value) ? `${(100 * value).toFixed(value < 0.0995 ? 1 : 0)} %` : fixed(value);
}

/** Write a length of time. */
export function duration(seconds) {
  if (!isNumber(seconds)) return fixed(seconds);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Write a number and what it counts, in the singular for 1. */
export function some(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Turn the NAME of an enum into a word. */
export function word(name) {
  return name === null || name === undefined ? UNKNOWN : String(name).toLowerCase().replaceAll("_", " ");
}
