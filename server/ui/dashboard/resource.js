// Values of the API as components use them: loaded, loaded again at an interval while the document is shown, and changed.

import { get } from "../lib/http.js";
import { notify } from "../lib/toast.js";
import { useCallback, useEffect, useReducer, useState } from "../lib/view.js";
import { noteRefusal } from "./session.js";

/** The longest interval after errors, as a multiple of the usual one. */
const BACK_OFF_MAX = 8;

/**
 * The answer to `GET path`. Without a path, nothing is loaded.
 *
 * @param {string | null} path
 * @param {{every?: number}} options the time between two answers, in milliseconds
 * @returns {{value: any, error: Error | null, isLoading: boolean, reload: () => void}} `value` stays while it is loaded
 *   again, and after an error
 */
export function useResource(path, { every } = {}) {
  const [state, setState] = useState({ path, value: undefined, error: null });
  const [turn, reload] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    if (path === null) return undefined;
    const ended = new AbortController();
    let timer;
    let failures = 0;
    async function load() {
      try {
        const value = await get(path, { signal: ended.signal });
        if (ended.signal.aborted) return;
        failures = 0;
        setState({ path, value, error: null });
      } catch (error) {
        if (ended.signal.aborted) return;
        failures += 1;
        noteRefusal(error);
        setState((before) => ({ path, value: before.path === path ? before.value : undefined, error }));
      }
      // The next request is sent after this answer, so that two never overlap.
      if (every) timer = setTimeout(next, every * Math.min(BACK_OFF_MAX, 2 ** failures));
    }
    function next() {
      if (!document.hidden) load();
      else document.addEventListener("visibilitychange", shown);
    }
    function shown() {
      document.removeEventListener("visibilitychange", shown);
      load();
    }
    load();
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [path, turn, every]);
  const isCurrent = state.path === path;
  const value = isCurrent ? state.value : undefined;
  const error = isCurrent ? state.error : null;
  return { value, error, isLoading: path !== null && value === undefined && error === null, reload };
}

/**
 * Runs changes one at a time and shows how they end: a text of success, or the server's error.
 *
 * @returns {[boolean, (work: () => Promise<any>, done?: string | ((result: any) => string)) => Promise<any>]} whether one
 *   runs, and the function that runs one; it resolves to the result, or to `undefined` after an error
 */
export function useChange() {
  const [isBusy, setBusy] = useState(false);
  const run = useCallback(async (work, done) => {
    setBusy(true);
    try {
      const result = await work();
      if (done) notify(typeof done === "function" ? done(result) : done, "success");
      return result ?? null;
    } catch (error) {
      noteRefusal(error);
      notify(error.message, "error");
      return undefined;
    } finally {
      setBusy(false);
    }
  }, []);
  return [isBusy, run];
}
