// The latest figures of all plugins, for sparklines: how much each counter grew from one answer to the next.

import { errorsOf } from "./format.js";

/** The number of figures that are held of each series. */
const HELD = 60;

const latest = new Map();

/** Adds the answer of `GET /api/v1/metrics`. */
export function record(metrics) {
  for (const [name, plugin] of Object.entries(metrics?.plugins ?? {})) {
    const known = latest.get(name) ?? { calls: [], errors: [], memory: [], last: null };
    const now = { calls: plugin.calls, errors: errorsOf(plugin), uptime: metrics.uptime_seconds };
    if (known.last?.uptime === now.uptime) continue;
    if (known.last) {
      // A plugin that was loaded again counts from zero.
      push(known.calls, Math.max(0, now.calls - known.last.calls));
      push(known.errors, Math.max(0, now.errors - known.last.errors));
    }
    push(known.memory, plugin.memory_bytes);
    known.last = now;
    latest.set(name, known);
  }
  for (const name of latest.keys()) {
    if (!metrics?.plugins?.[name]) latest.delete(name);
  }
}

function push(series, value) {
  series.push(value);
  if (series.length > HELD) series.shift();
}

/** A series of a plugin: `calls`, `errors` or `memory`. */
export const series = (plugin, name) => latest.get(plugin)?.[name] ?? [];
