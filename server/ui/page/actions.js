// The actions of a page: confirmation, debounce, the request, and what follows from its result.

import { confirm } from "../lib/dialog.js";
import { find } from "../lib/scope.js";
import { asText, fill, fillText } from "../lib/placeholder.js";
import { navigate } from "../lib/router.js";
import { notify } from "../lib/toast.js";
import { pageAddress } from "./links.js";
import { needed } from "./needed.js";

/** Actions that start one another, by `triggerAction`. */
const CHAIN_MAX = 10;
/** The longest `debounce` that is honoured, in milliseconds. */
const DEBOUNCE_MAX = 60_000;

/** What `custom` actions may do in the browser, by the name of their handler. */
const HANDLERS = {
  back: () => history.back(),
  print: () => window.print(),
  copy: (payload, options) => navigator.clipboard.writeText(asText(options?.text ?? payload?.text ?? payload?.value)),
};

export class Actions {
  /** Debounced starts, by action: functions that start or drop them. */
  #waiting = new Map();
  #running = new Map();
  #isClosed = false;

  /**
   * @param {object} page `{plugin, path, actions, state, api, loaders}`
   * @param {() => void} changed called when an action starts or ends
   */
  constructor(page, changed) {
    this.page = page;
    this.changed = changed;
    this.declared = new Map();
    // The first of two with the same id counts: global actions come before those of the route and the template.
    for (const action of page.actions) if (!this.declared.has(action.id)) this.declared.set(action.id, action);
  }

  close() {
    this.#isClosed = true;
    for (const start of this.#waiting.values()) start(false);
  }

  /** Whether an action with `showLoading` is running: its buttons show it. */
  isLoading(id) {
    return this.#running.has(id) && this.declared.get(id)?.showLoading === true;
  }

  isRunning(id) {
    return this.#running.has(id);
  }

  /**
   * Runs an action; a debounced one after its time without another start. Never throws.
   *
   * @returns {Promise<{success: boolean, error?: {code: string, message: string}} | undefined>} undefined if it did not run
   */
  async run(id, payload, chain = 0) {
    const action = this.declared.get(id);
    if (!action) {
      notify(`This page has no action \`${id}\`.`, "error");
      return undefined;
    }
    if (action.debounce > 0) {
      this.#waiting.get(id)?.(false);
      const isLatest = await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(true), Math.min(DEBOUNCE_MAX, action.debounce));
        this.#waiting.set(id, (isStarted) => {
          clearTimeout(timer);
          resolve(isStarted);
        });
      });
      if (!isLatest || this.#isClosed) return undefined;
    }
    // A second click while a request runs is not a second request.
    if (this.#running.has(id)) return undefined;
    const scope = { ...this.page.state.scope, payload };
    if (action.confirm && !(await this.#confirmed(action.confirm, scope))) return undefined;
    if (this.#isClosed || this.#running.has(id)) return undefined;
    this.#running.set(id, true);
    this.changed();
    let result;
    try {
      result = await this.#perform(action, payload);
    } catch (error) {
      result = { success: false, error: { code: error.code ?? "failed", message: error.message, details: error.details } };
    }
    this.#running.delete(id);
    if (this.#isClosed) return result;
    this.changed();
    await this.#follow(action, result, payload, chain);
    return result;
  }

  #confirmed({ title, message, confirmText, cancelText }, scope) {
    const text = (value) => (value === undefined || value === null ? undefined : asText(fillText(value, scope)));
    return confirm({
      title: text(title),
      message: text(message) ?? "",
      confirmText: text(confirmText),
      cancelText: text(cancelText),
    });
  }

  async #perform(action, payload) {
    const { page } = this;
    const scope = { ...page.state.scope, payload };
    switch (action.type) {
      case "setState":
        page.state.merge(fill(action.stateUpdates ?? {}, scope));
        return { success: true };
      case "navigate":
        this.#navigate(action.path, scope);
        return { success: true };
      case "reload":
        return { success: await page.loaders.run(action.loaderIds, { isAsked: true }) };
      case "api": {
        const values = needed([action.apiRoute, action.body], scope);
        const path = `/actions/${encodeURIComponent(action.id)}`;
        const result = await page.api.post(path, { path: page.path, ...values, payload: payload ?? null });
        // What was entered has been sent: the next results replace it.
        if (result.success) page.state.settle();
        return result;
      }
      case "custom": {
        const name = typeof action.handler === "string" ? action.handler : action.id;
        if (!Object.hasOwn(HANDLERS, name)) throw new Error(`This browser has no handler \`${name}\`.`);
        await HANDLERS[name](payload, action.options);
        return { success: true };
      }
      default:
        throw new Error(`Actions of type \`${action.type}\` are unknown.`);
    }
  }

  #navigate(path, scope) {
    const address = pageAddress(this.page.plugin, asText(fillPath(path, scope)));
    if (!address) throw new Error("The address is not one of this server.");
    navigate(address);
  }

  /** What `onSuccess` and `onError` declare. */
  async #follow(action, result, payload, chain) {
    const { success } = result;
    const next = (success ? action.onSuccess : action.onError) ?? {};
    // The result of a failure is its error: `{code, message}`.
    const outcome = (success ? result.data : result.error) ?? null;
    const scope = { ...this.page.state.scope, payload, result: outcome };
    if (next.setState) this.page.state.merge(taken(next.setState, scope));
    if (next.notify) {
      const { message, type } = typeof next.notify === "string" ? { message: next.notify } : next.notify;
      notify(asText(fillText(message ?? "", scope)), type ?? (success ? "success" : "error"));
    } else if (!success && result.error) {
      notify(result.error.message, "error");
    } else if (!success && action.type === "reload") {
      notify("Not everything could be loaded.", "error");
    }
    if (next.triggerAction && !this.#isClosed) {
      if (chain >= CHAIN_MAX) notify("The actions of this page start one another without an end.", "error");
      else await this.run(next.triggerAction, payload, chain + 1);
    }
    if (next.navigate && !this.#isClosed) {
      try {
        this.#navigate(next.navigate, scope);
      } catch (error) {
        notify(error.message, "error");
      }
    }
  }
}

/** Updates of a result: placeholders are filled, and the text `result.a.b` is that part of the result. */
function taken(updates, scope) {
  const one = (value) => {
    if (typeof value !== "string" || !/^result(\.[\w$-]+)*$/.test(value)) return fill(value, scope);
    return find(scope, "result", value.split(".").slice(1)).value;
  };
  return Object.fromEntries(Object.entries(updates).map(([name, value]) => [name, one(value)]));
}

/** A path with its placeholders filled in, each value as one segment. */
function fillPath(path, scope) {
  return String(path ?? "").replace(/\{\{(.*?)\}\}/gs, (placeholder) => encodeURIComponent(asText(fillText(placeholder, scope))));
}
