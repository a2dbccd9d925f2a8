// Views whose modules are loaded when they are first shown, so that the first view does not wait for all of them.

import { Store, useStore } from "../lib/store.js";
import { html, useEffect } from "../lib/view.js";

/**
 * A component of a module that is not loaded yet.
 *
 * @param {() => Promise<object>} load imports the module
 * @param {string} name the component's name in it
 */
export function later(load, name) {
  const loaded = new Store({ module: null, error: null });
  let asked = null;
  function ask() {
    asked ??= load().then(
      (module) => loaded.set({ module, error: null }),
      (error) => {
        asked = null;
        loaded.set({ module: null, error });
      },
    );
  }
  return function Later(props) {
    const { module, error } = useStore(loaded);
    useEffect(ask, []);
    if (module) return html`<${module[name]} ...${props} />`;
    if (!error) {
      return html`<div class="state" role="status"><span class="spinner" aria-hidden="true"></span> Loading…</div>`;
    }
    // A server that was updated has the module under another address.
    return html`
      <div class="notice notice--error" role="alert">
        This view cannot be loaded. The server may have been updated.
        <button type="button" class="button button--secondary button--sm" onClick=${() => location.reload()}>Load the page again</button>
      </div>
    `;
  };
}
