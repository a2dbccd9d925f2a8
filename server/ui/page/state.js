// The values of a page: its state with computed values, the data of its loaders, and the state that all pages of the
// plugin share. Every change makes new objects, so that what a component holds does not change under it.

import { evaluate } from "../lib/expression.js";
import { same } from "../lib/values.js";

const MEMBERS = ["state", "data", "globalState"];

/** The global state of each plugin whose pages this document showed. */
const shared = new Map();

export class PageState {
  /** What the user entered, or is about to change, by path: results of polling leave it alone. */
  #edited = new Map();
  #scope = null;

  /**
   * @param {object} page the page document
   * @param {() => void} changed called after each change
   */
  constructor(page, changed) {
    this.changed = changed;
    this.plugin = page.plugin.name;
    this.params = page.params ?? {};
    this.computed = page.template?.state?.computed ?? {};
    this.globalComputed = page.globalState?.computed ?? {};
    this.globalNames = new Set([...Object.keys(page.globalState?.initial ?? {}), ...Object.keys(this.globalComputed)]);
    if (!shared.has(this.plugin)) shared.set(this.plugin, page.globalState?.initial ?? {});
    this.initial = page.template?.state?.initial ?? {};
    this.values = {
      state: { ...page.template?.state?.initial, ...page.initialData?.state },
      data: { ...page.initialData?.data },
    };
  }

  /** The values of the state that are not the initial ones of the template. */
  changedValues() {
    const initial = this.initial;
    return Object.fromEntries(Object.entries(this.values.state).filter(([name, value]) => !same(value, initial[name])));
  }

  get globalValues() {
    return shared.get(this.plugin);
  }

  /** The values that expressions read. It is the same object until something changes. */
  get scope() {
    if (!this.#scope) {
      const scope = { params: this.params, data: this.values.data, loop: {} };
      // Computed values read one another through this scope.
      scope.state = withComputed(this.values.state, this.computed, () => scope);
      scope.globalState = withComputed(this.globalValues, this.globalComputed, () => scope);
      this.#scope = scope;
    }
    return this.#scope;
  }

  /** Writes the result of a loader. `isAsked` if the user asked for it, so that it replaces what was entered. */
  apply({ loaderId, data, stateKey, dataKey }, isAsked) {
    if (isAsked) this.#edited.clear();
    if (stateKey) this.#replace("state", stateKey, data);
    if (dataKey || !stateKey) this.#replace("data", dataKey || loaderId, data);
  }

  #replace(member, key, value) {
    if (same(this.values[member][key], value)) return;
    let next = { ...this.values[member], [key]: value };
    for (const [path, { names, entered }] of this.#edited) {
      if (names[0] === member && names[1] === key) next = setAt(next, names.slice(1), entered);
      else if (path === key) this.#edited.delete(path);
    }
    this.#set(member, next);
  }

  /** Merges updates: names or paths with their values. */
  merge(updates) {
    for (const [path, value] of Object.entries(updates)) {
      const names = this.resolve(path);
      this.#edited.delete(names.join("."));
      this.#write(names, value);
    }
  }

  /** Writes what the user entered at a path. */
  enter(path, value, paths) {
    const names = this.resolve(path, paths);
    this.#edited.set(names.join("."), { names, entered: value });
    this.#write(names, value);
  }

  /** Keeps the value at a path while the user is there, until `release`. */
  hold(path, paths) {
    const names = this.resolve(path, paths);
    const key = names.join(".");
    if (this.#edited.has(key)) return;
    const entered = names.slice(1).reduce((value, name) => value?.[name], this.#member(names[0]));
    this.#edited.set(key, { names, entered, isHeld: true });
  }

  /** Lets results replace the value at a path again if the user has left it as it was. */
  release(path, paths) {
    const key = this.resolve(path, paths).join(".");
    if (this.#edited.get(key)?.isHeld) this.#edited.delete(key);
  }

  /** Forgets what was entered: the next results replace it. */
  settle() {
    this.#edited.clear();
  }

  /**
   * The member and the names of a path, such as `["state", "filter", "text"]`. A path may begin with the name of a
   * member, or of a loop's variable whose own path is in `paths`.
   */
  resolve(path, paths = {}) {
    let names = path.split(/[.[\]]/).filter(Boolean);
    if (Object.hasOwn(paths, names[0])) names = [...paths[names[0]], ...names.slice(1)];
    if (MEMBERS.includes(names[0]) && names.length > 1) return names;
    const [first] = names;
    if (!Object.hasOwn(this.values.state, first)) {
      if (Object.hasOwn(this.values.data, first)) return ["data", ...names];
      if (this.globalNames.has(first)) return ["globalState", ...names];
    }
    return ["state", ...names];
  }

  #write([member, ...names], value) {
    this.#set(member, setAt(this.#member(member), names, value));
  }

  #member(name) {
    return name === "globalState" ? this.globalValues : this.values[name];
  }

  #set(member, next) {
    if (member === "globalState") shared.set(this.plugin, next);
    else this.values = { ...this.values, [member]: next };
    this.#scope = null;
    this.changed();
  }
}

/** Values with computed ones, each evaluated when it is first read. One that needs itself is null. */
function withComputed(values, computed, scope) {
  const names = Object.keys(computed);
  if (names.length === 0) return values;
  const view = { ...values };
  for (const name of names) {
    let isKnown = false;
    let value = null;
    const get = () => {
      if (!isKnown) {
        isKnown = true;
        value = tried(() => evaluate(computed[name], scope()));
      }
      return value;
    };
    Object.defineProperty(view, name, { get, enumerable: true, configurable: true });
  }
  return view;
}

/** A copy of a value with another one at a path; lists stay lists. */
function setAt(value, [name, ...rest], next) {
  if (name === undefined) return next;
  if (Array.isArray(value) && /^\d+$/.test(name) && Number(name) <= value.length) {
    const copy = [...value];
    copy[name] = setAt(copy[name], rest, next);
    return copy;
  }
  const members = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  return { ...members, [name]: setAt(Object.hasOwn(members, name) ? members[name] : undefined, rest, next) };
}

/** The result of a function, null if it fails. The host has checked all expressions of a page. */
export function tried(run) {
  try {
    return run();
  } catch {
    return null;
  }
}
