// A page that is shown: its document, its values, its loaders and its actions.

import { post } from "../lib/http.js";
import { Store } from "../lib/store.js";
import { loadWidgets, widgetOf } from "../widgets/index.js";
import { Actions } from "./actions.js";
import { fresh, Loaders } from "./loaders.js";
import { PageState, tried } from "./state.js";

/** Requests of a page: `post("/loaders", body)`. */
const apiOf = (plugin) => ({
  post: (path, body, options) => post(`/api/v1/plugins/${encodeURIComponent(plugin)}/page${path}`, body, options),
});

/** Opens a page: its document, with the results of the loaders that ran. `state` lies over its initial state. */
export async function open(plugin, path, signal, state) {
  const held = state ? [] : fresh(plugin, path);
  const skip = held.length ? held.map((result) => result.loaderId) : undefined;
  const page = await apiOf(plugin).post("", { path, ...(skip && { skip }), ...(state && { state }) }, { signal });
  await loadWidgets([page.template?.widgets, Object.values(page.fragments ?? {})]);
  return new PageModel(page, held);
}

export class PageModel {
  /** Counts the changes: who shows the page follows it. */
  changes = new Store(0);
  #isScheduled = false;
  /** Widgets import what renders them, which finds them here. */
  widgetOf = widgetOf;

  constructor(page, held = []) {
    const changed = () => this.#schedule();
    this.document = page;
    this.plugin = page.plugin.name;
    this.path = page.path;
    this.declared = page.loaders ?? [];
    this.fragments = Object.assign(Object.create(null), page.fragments);
    this.api = apiOf(this.plugin);
    this.state = new PageState(page, changed);
    const results = page.initialData?.loaderResults ?? [];
    const known = new Set(results.map((result) => result.loaderId));
    this.loaders = new Loaders(this, [...results, ...held.filter((result) => !known.has(result.loaderId))], changed);
    this.actions = new Actions({ ...this, actions: page.actions ?? [], loaders: this.loaders }, changed);
  }

  start() {
    this.loaders.start();
  }

  close() {
    this.loaders.close();
    this.actions.close();
  }

  /** Changes within one task are one rendering. */
  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.changes.set((count) => count + 1);
    });
  }

  /** The states of the loaders that write what a path or expression reads. */
  statesFor(path) {
    if (typeof path !== "string") return [];
    const names = tried(() => this.state.resolve(path)) ?? [];
    const key = names[1];
    const writes = ({ id, stateKey, dataKey }) => [stateKey, dataKey, stateKey || dataKey ? null : id].includes(key);
    return this.declared.filter(writes).map((loader) => ({ id: loader.id, ...this.loaders.states.get(loader.id) }));
  }
}

