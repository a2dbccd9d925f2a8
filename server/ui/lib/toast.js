// Short messages about what happened, in live regions that screen readers announce. Errors stay until they are closed.

import { html, render, useLayoutEffect } from "./view.js";
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

/** The element of the messages. It is rendered by itself, so that it can be moved. */
const place = document.createElement("div");

/** Shows messages from now on; once in a document. */
export function startToasts() {
  place.className = "toasts";
  place.popover = "manual";
  render(html`<${Toasts} />`, place);
  raiseToasts();
}

/**
 * Brings the messages above everything else. While a dialog is open, all that is outside of it is inert: a message
 * could not be closed, and screen readers would not announce it. So the messages are within the dialog.
 */
export function raiseToasts() {
  if (!place.popover) return;
  const parent = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
  if (place.parentElement !== parent) parent.append(place);
  else if (place.matches(":popover-open")) {
    if (parent === document.body) return;
    place.hidePopover();
  }
  place.showPopover();
}

function Toasts() {
  const shown = useStore(toasts);
  useLayoutEffect(raiseToasts, [shown]);
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
  return html`${region(["error"], "alert")}${region(["info", "success", "warning"], "status")}`;
}
