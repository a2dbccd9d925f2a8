// The loaders of a page while it is shown: runs on request, by polling and by events, and what is known of each result.

import { holds } from "../lib/expression.js";
import { asText, fillText } from "../lib/placeholder.js";
import { needed } from "./needed.js";
import { tried } from "./state.js";

/** The shortest interval of polling, whatever the page declares, and the longest pause after failures, in milliseconds. */
const INTERVAL_MIN = 250;
const PAUSE_MAX = 60_000;
/**
 * Polls begin at multiples of this time, or of a tenth of a shorter interval, in milliseconds. So those of many pages
 * reach the server together: requests one by one, each to an idle processor, cost it several times as much.
 */
const GRID = 100;
/** Runs by events: at most one in this time, in milliseconds. */
const EVENTS_INTERVAL = 1_000;
/** The topics that the server filters by in one stream; with more, it sends all events. */
const TOPICS_MAX = 32;
/** Results with `cache` that this document holds, for all pages. */
const CACHED_MAX = 100;

const cached = new Map();

/** What tells results apart: the declared key, which may have placeholders, or the loader at the page's path. */
function cacheKey(page, { id, cache }) {
  const key = cache.key ? asText(tried(() => fillText(cache.key, page.state.scope))) : `${page.path}\n${id}`;
  return `${page.plugin}\n${key}`;
}

/** Results that need no run when a page is opened: those of its last visit whose time has not passed. */
export function fresh(plugin, path) {
  const found = [];
  for (const [key, entry] of cached) {
    if (entry.until < Date.now()) cached.delete(key);
    else if (entry.plugin === plugin && entry.paths.has(path)) found.push(entry.result);
  }
  return found;
}

/**
 * The status of a loader: `idle` has not run, `loading` has no result yet, `ready`, `error` failed without a result,
 * `stale` failed and shows the result before.
 *
 * @typedef {{status: "idle"|"loading"|"ready"|"error"|"stale", isRunning: boolean, error?: {code: string, message: string},
 *   loadedAt?: number}} LoaderState
 */

export class Loaders {
  #stops = [];
  #isClosed = false;
  #pending = new Map();
  /** The polls under way, by loader. */
  #polls = new Map();
  /** The latest result with a tag of each loader: the server does not send it again. */
  #tagged = new Map();

  /**
   * @param {object} page `{plugin, path, declared, state, api}`; `declared` are the loaders of the document
   * @param {() => void} changed called after each change of a status
   */
  constructor(page, results, changed) {
    this.page = page;
    this.changed = changed;
    this.states = new Map(page.declared.map((loader) => [loader.id, { status: "idle", isRunning: false }]));
    for (const result of results) this.#note(result);
  }

  /** Starts polling and the stream of events. */
  start() {
    const groups = Map.groupBy(this.page.declared.filter(polls), (loader) => Math.max(INTERVAL_MIN, loader.polling.interval));
    for (const [interval, loaders] of groups) this.#poll(interval, loaders);
    this.#follow(this.page.declared.filter((loader) => loader.events?.length));
  }

  close() {
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
  }

  /**
   * Runs loaders, all without `ids`. One that runs already is not started again, unless its result may be older than the
   * change that this run is for: that of a poll, and of any run if this one is for an event.
   *
   * @param {{isAsked?: boolean, isPoll?: boolean, isEvent?: boolean}} options whether the user asked for it, the interval
   *   is over, or an event has come
   * @returns {Promise<boolean>} whether all of them succeeded
   */
  async run(ids, options = {}) {
    const { isPoll = false, isEvent = false } = options;
    const wanted = this.page.declared.filter((loader) => !ids?.length || ids.includes(loader.id));
    const older = isPoll ? [] : wanted.flatMap((loader) => (isEvent ? this.#pending : this.#polls).get(loader.id) ?? []);
    if (older.length) await Promise.all(older);
    if (this.#isClosed) return false;
    const started = wanted.filter((loader) => !this.#pending.has(loader.id));
    if (started.length) {
      const done = this.#request(started, options);
      if (isPoll) for (const loader of started) this.#polls.set(loader.id, done);
      for (const loader of started) this.#pending.set(loader.id, done);
      // Marked after the request has begun, so that a render sees both.
      this.changed();
    }
    const outcomes = await Promise.all(wanted.map((loader) => this.#pending.get(loader.id)));
    return outcomes.every((outcome, index) => outcome === undefined || outcome.get(wanted[index].id)?.success !== false);
  }

  async #request(loaders, { isAsked = false, isPoll = false, isEvent = false }) {
    const { page } = this;
    for (const { id } of loaders) {
      const known = this.states.get(id);
      const status = known.status === "idle" || known.status === "error" ? "loading" : known.status;
      this.states.set(id, { ...known, status, isRunning: true });
    }
    const ids = loaders.map((loader) => loader.id);
    const values = needed(loaders.map(({ apiRoute, body }) => [apiRoute, body]), page.state.scope);
    let results;
    try {
      const known = Object.fromEntries(ids.flatMap((id) => (this.#tagged.has(id) ? [[id, this.#tagged.get(id).tag]] : [])));
      results = await page.api.post("/loaders", { path: page.path, ...values, loaderIds: ids, known, poll: isPoll, event: isEvent });
    } catch (error) {
      results = ids.map((loaderId) => ({ loaderId, success: false, error }));
    }
    for (const id of ids) {
      this.#pending.delete(id);
      this.#polls.delete(id);
    }
    if (this.#isClosed) return new Map();
    for (const result of results) this.#note(this.#whole(result), isAsked);
    this.changed();
    return new Map(results.map((result) => [result.loaderId, result]));
  }

  /** A result with its data, which the server leaves out if they have not changed. */
  #whole(result) {
    const { loaderId, unchanged, tag } = result;
    if (unchanged) return { ...result, data: this.#tagged.get(loaderId)?.data };
    if (tag) this.#tagged.set(loaderId, result);
    return result;
  }

  /** Takes a result: its data, and what is known of it. */
  #note(result, isAsked) {
    const { page } = this;
    const known = this.states.get(result.loaderId);
    if (!known) return;
    if (!result.success) {
      const status = known.loadedAt ? "stale" : "error";
      this.states.set(result.loaderId, { ...known, status, isRunning: false, error: result.error });
      return;
    }
    this.states.set(result.loaderId, { status: "ready", isRunning: false, loadedAt: result.loadedAt ?? Date.now() });
    page.state.apply(result, isAsked);
    const loader = page.declared.find((loader) => loader.id === result.loaderId);
    if (loader.cache?.ttl > 0) hold(page, loader, result);
  }

  /** Runs loaders of one interval together, which is counted from the end of a run: runs never overlap. */
  #poll(interval, loaders) {
    let failures = 0;
    let timer;
    let isWaiting = false;
    const run = async () => {
      // A hidden page polls when it is shown again.
      isWaiting = document.hidden;
      if (isWaiting || this.#isClosed) return;
      const enabled = loaders.filter((loader) => isEnabled(loader, this.page.state.scope));
      const succeeded = enabled.length === 0 || (await this.run(enabled.map((loader) => loader.id), { isPoll: true }));
      failures = succeeded ? 0 : failures + 1;
      const asked = Math.max(0, ...enabled.map(({ id }) => this.states.get(id).error?.retryAfter ?? 0)) * 1_000;
      const pause = failures ? Math.min(Math.max(PAUSE_MAX, interval), interval * 2 ** Math.min(failures, 8)) : interval;
      // Pages whose polls fail come back one by one.
      const next = failures ? pause : untilGrid(interval);
      if (!this.#isClosed) timer = setTimeout(run, Math.max(next, asked));
    };
    const shown = () => isWaiting && !document.hidden && run();
    document.addEventListener("visibilitychange", shown);
    this.#stops.push(() => clearTimeout(timer), () => document.removeEventListener("visibilitychange", shown));
    timer = setTimeout(run, untilGrid(interval));
  }

  /** One stream of events for all loaders that follow topics. */
  #follow(loaders) {
    if (loaders.length === 0) return;
    const topics = [...new Set(loaders.flatMap((loader) => loader.events))];
    const query = topics.length <= TOPICS_MAX ? `?topic=${encodeURIComponent(topics.join(","))}` : "";
    const due = new Set();
    let last = 0;
    let timer;
    const run = () => {
      timer = undefined;
      last = Date.now();
      const ids = [...due];
      due.clear();
      this.run(ids, { isEvent: true });
    };
    const schedule = (found = []) => {
      for (const loader of found) due.add(loader.id);
      if (due.size && timer === undefined) timer = setTimeout(run, Math.max(0, last + EVENTS_INTERVAL - Date.now()));
    };
    const handlers = {
      onEvent: (event) => schedule(loaders.filter((loader) => loader.events.some((topic) => matches(topic, event?.name)))),
      onMissed: () => schedule(loaders),
    };
    this.#stops.push(() => clearTimeout(timer));
    import("../lib/events.js").then(({ follow }) => {
      if (!this.#isClosed) this.#stops.push(follow(`/api/v1/events/stream${query}`, handlers));
    });
  }
}

/** The time until the multiple of the grid that is nearest to an interval from now. */
function untilGrid(interval) {
  const [now, grid] = [Date.now(), Math.min(GRID, interval / 10)];
  return Math.round((now + interval) / grid) * grid - now;
}

const polls = (loader) => loader.polling?.interval !== undefined && loader.polling.enabled !== false;

function isEnabled(loader, scope) {
  const { enabled = true } = loader.polling;
  return typeof enabled === "string" ? tried(() => holds(enabled, scope)) === true : Boolean(enabled);
}

function hold(page, loader, result) {
  const key = cacheKey(page, loader);
  const paths = cached.get(key)?.paths ?? new Set();
  paths.add(page.path);
  cached.delete(key);
  cached.set(key, { plugin: page.plugin, paths, until: Date.now() + loader.cache.ttl, result });
  if (cached.size > CACHED_MAX) cached.delete(cached.keys().next().value);
}

/** Whether a topic fits a pattern: `*` is one word, `**` any number of them. */
export function matches(pattern, topic) {
  if (typeof topic !== "string") return false;
  const words = pattern.split(/[.:]/);
  // The places in the pattern that the words of the topic can have led to.
  let places = passed(words, [0]);
  for (const part of topic.split(/[.:]/)) {
    const next = [...places].flatMap((at) => {
      if (words[at] === "**") return [at];
      return words[at] === "*" || words[at] === part ? [at + 1] : [];
    });
    places = passed(words, next);
  }
  return places.has(words.length);
}

/** The places, with those behind each `**`, which may stand for nothing. */
function passed(words, places) {
  const all = new Set(places);
  for (const at of all) if (words[at] === "**") all.add(at + 1);
  return all;
}
