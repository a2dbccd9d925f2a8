// A stream of server-sent events that is resumed after each interruption: with the last event's id, after a growing
// pause, and not while the document is hidden. `EventSource` forgets its position after an error of the server.

import { failure } from "./http.js";

/** The first and the longest pause before a new attempt, in milliseconds. */
const PAUSE_MIN = 1_000;
const PAUSE_MAX = 30_000;
/** The longest event that is taken, in characters. */
const EVENT_MAX = 8 << 20;

/**
 * Follows a stream, such as `/api/v1/events/stream`.
 *
 * @param {string} path
 * @param {{onEvent: (data: unknown) => void, onMissed?: (count: number | null) => void,
 *   onState?: (state: "connecting" | "open" | "waiting" | "failed", error?: Error) => void}} handlers `onMissed` gets
 *   the number of events that were lost, null if unknown; `failed` is final: the server refuses the caller
 * @returns {() => void} ends it
 */
export function follow(path, { onEvent, onMissed, onState }) {
  const stopped = new AbortController();
  let lastId;
  let failures = 0;

  async function connect(signal) {
    onState?.("connecting");
    const headers = { accept: "text/event-stream", ...(lastId && { "last-event-id": lastId }) };
    const response = await fetch(path, { headers, signal, credentials: "same-origin" });
    if (!response.ok) throw failure(response, await response.json().catch(() => null));
    onState?.("open");
    failures = 0;
    for await (const { id, event, data } of parse(response.body)) {
      if (id) lastId = id;
      const value = decode(data);
      if (event === "missed") onMissed?.(value?.missed ?? null);
      else onEvent(value);
    }
  }

  async function run() {
    while (!stopped.signal.aborted) {
      await whileHidden(stopped.signal);
      if (stopped.signal.aborted) return;
      const attempt = new AbortController();
      const end = () => attempt.abort();
      const hidden = () => document.hidden && end();
      stopped.signal.addEventListener("abort", end);
      document.addEventListener("visibilitychange", hidden);
      try {
        await connect(attempt.signal);
      } catch (error) {
        const isRefused = error.status >= 400 && error.status < 500 && error.status !== 429;
        if (isRefused) {
          onState?.("failed", error);
          return;
        }
        if (!attempt.signal.aborted) failures += 1;
      } finally {
        stopped.signal.removeEventListener("abort", end);
        document.removeEventListener("visibilitychange", hidden);
      }
      if (stopped.signal.aborted) return;
      onState?.("waiting");
      if (!document.hidden) await pause(Math.min(PAUSE_MAX, PAUSE_MIN * 2 ** Math.max(0, failures - 1)), stopped.signal);
    }
  }

  run();
  return () => stopped.abort();
}

/** The events of a body: `{id, event, data}`. */
async function* parse(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      let end;
      while ((end = /\r?\n\r?\n/.exec(rest))) {
        const event = fields(rest.slice(0, end.index));
        rest = rest.slice(end.index + end[0].length);
        if (event.data !== undefined) yield event;
      }
      if (rest.length > EVENT_MAX) throw new Error("the server sent an event that is too long");
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function fields(block) {
  const event = {};
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
    else if (name === "id" || name === "event") event[name] = value;
  }
  return event;
}

function decode(data) {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

/** Resolves after a time, at once when the signal is aborted or the document is shown again. */
function pause(milliseconds, signal) {
  // Clients that lost the same server do not come back at the same moment.
  const spread = milliseconds * (0.75 + Math.random() / 2);
  return new Promise((resolve) => {
    const timer = setTimeout(end, spread);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
    signal.addEventListener("abort", end);
  });
}

/** Resolves when the document is shown, or the signal is aborted. */
function whileHidden(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    function end() {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", end);
      signal.removeEventListener("abort", end);
      resolve();
    }
    document.addEventListener("visibilitychange", end);
    signal.addEventListener("abort", end);
  });
}
