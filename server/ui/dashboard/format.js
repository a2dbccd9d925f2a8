// Numbers, times and sizes as people read them.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

/** A number with separators, such as 12,345. */
export const count = (value) => (Number.isFinite(value) ? NUMBER.format(value) : "–");

/** A large number in short, such as 1.2M. */
export const compact = (value) => (Number.isFinite(value) ? COMPACT.format(value) : "–");

/** A size, such as 1.5 MiB. */
export function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit + 1 < units.length) {
    size /= 1024;
    unit += 1;
  }
  return `${NUMBER.format(size)} ${units[unit]}`;
}

/** A time given in milliseconds since 1970. */
export const time = (milliseconds) => (Number.isFinite(milliseconds) ? TIME.format(new Date(milliseconds)) : "–");

/** A time given in seconds since 1970. */
export const timeOfSeconds = (seconds) => time(seconds * 1000);

/** A duration in seconds, such as 2 h 5 min. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ];
  let rest = Math.floor(seconds);
  const parts = [];
  for (const [name, size] of units) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole > 0) parts.push(`${whole} ${name}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** A duration in microseconds, such as 1.2 ms. */
export function micros(value) {
  if (!Number.isFinite(value)) return "–";
  if (value < 1_000) return `${NUMBER.format(value)} µs`;
  if (value < 1_000_000) return `${NUMBER.format(value / 1_000)} ms`;
  return `${NUMBER.format(value / 1_000_000)} s`;
}

/**
 * The duration that this share of calls did not exceed, in microseconds: the upper end of a bucket. `null` without calls,
 * and infinite in the last bucket.
 *
 * @param {[number, number][]} buckets upper ends with counts
 * @param {number} share between 0 and 1
 */
export function quantile(buckets, share) {
  const total = (buckets ?? []).reduce((sum, [, calls]) => sum + calls, 0);
  if (total === 0) return null;
  let below = 0;
  for (const [index, [end, calls]] of buckets.entries()) {
    below += calls;
    if (below >= share * total) return index + 1 === buckets.length ? Infinity : end;
  }
  return null;
}

/** A quantile as a text: `≤ 1 ms`. */
export function atMost(value) {
  if (value === null) return "–";
  return value === Infinity ? "> 16 s" : `≤ ${micros(value)}`;
}

/** The sum of the errors of a snapshot. */
export const errorsOf = (metrics) => Object.values(metrics?.errors ?? {}).reduce((sum, number) => sum + number, 0);

/** A value as JSON text for people. */
export const json = (value) => JSON.stringify(value, null, 2) ?? "null";
