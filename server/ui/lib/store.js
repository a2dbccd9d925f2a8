// A value with listeners: the smallest store that components can follow.

import { useEffect, useReducer } from "./view.js";

/** A value that listeners follow. `set` takes a value or a function of the old one. */
export class Store {
  #listeners = new Set();

  constructor(value) {
    this.value = value;
  }

  set(next) {
    const value = typeof next === "function" ? next(this.value) : next;
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  /** Calls `listener` after each change; returns a function that ends it. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The value of a store; the component is rendered again when it changes. */
export function useStore(store) {
  const [, changed] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    const seen = store.value;
    const end = store.subscribe(changed);
    // It may have changed between the rendering and this effect.
    if (!Object.is(seen, store.value)) changed();
    return end;
  }, [store]);
  return store.value;
}
