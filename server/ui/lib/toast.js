// Short messages about what happened, in live regions that screen readers announce. Errors stay until they are closed.

import { html, useLayoutEffect, useRef } from "./view.js";
import { Store, useStore } from "./store.js";

/** The time that a message other than an error is shown, in milliseconds. */
const SHOWN = 5_000;
/** The most messages at once; the oldest gives way. */
const MAX = 4;

const toasts = new Store([]);
let lastId = 0;

/**
 * Shows a message.
 *
 * @param {string} message
 * @param {"info" | "success" | "warning" | "error"} kind
 */
export function notify(message, kind = "info") {
  const id = ++lastId;
  toasts.set((shown) => [...shown, { id, message: String(message), kind }].slice(-MAX));
  if (kind !== "error") setTimeout(() => dismiss(id), SHOWN);
  return id;
}

/** Closes a message. */
export function dismiss(id) {
  toasts.set((shown) => shown.filter((toast) => toast.id !== id));
}

const NAMES = { info: "Note", success: "Done", warning: "Warning", error: "Error" };

/** The place of the messages; once in a document. */
export function Toasts() {
  const shown = useStore(toasts);
  const element = useRef(null);
  // As a popover it lies above dialogs; shown again, above those that were opened since.
  useLayoutEffect(() => {
    const popover = element.current;
    if (popover.matches(":popover-open")) {
      if (!document.querySelector("dialog:modal")) return;
      popover.hidePopover();
    }
    popover.showPopover();
  }, [shown]);
  const region = (kinds, live) => html`
    <div role=${live} aria-live=${live === "alert" ? "assertive" : "polite"} class="toasts__region">
      ${shown.filter((toast) => kinds.includes(toast.kind)).map(
        (toast) => html`
          <div key=${toast.id} class=${`toast toast--${toast.kind}`}>
            <span class="toast__text"><b class="visually-hidden">${NAMES[toast.kind]}: </b>${toast.message}</span>
            <button type="button" class="icon-button" aria-label="Close message" onClick=${() => dismiss(toast.id)}>×</button>
          </div>
        `,
      )}
    </div>
  `;
  return html`<div ref=${element} popover="manual" class="toasts">${region(["error"], "alert")}${region(["info", "success", "warning"], "status")}</div>`;
}
