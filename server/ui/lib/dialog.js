// Dialogs on the browser's own element: it holds the focus, returns it, closes by Escape and makes the rest inert.

import { html, useEffect, useId, useRef } from "./view.js";
import { Store, useStore } from "./store.js";
import { raiseToasts } from "./toast.js";

/**
 * A modal dialog. It is closed by Escape, a click beside it, and its button.
 *
 * @param {{open: boolean, onClose: () => void, title?: unknown, footer?: unknown, size?: "sm"|"md"|"lg"|"xl"|"full",
 *   bodyStyle?: object, role?: "dialog"|"alertdialog", children?: unknown}} props `onClose` asks the owner to set
 *   `open` to false
 */
export function Dialog({ open, onClose, title, footer, size = "md", bodyStyle, role = "dialog", children }) {
  const element = useRef(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = element.current;
    if (open && !dialog.open) {
      // The browser returns the focus to the element that has it now.
      dialog.showModal();
      document.documentElement.classList.add("is-locked");
      raiseToasts();
    } else if (!open && dialog.open) {
      dialog.close();
      unlock();
    }
  }, [open]);
  // A dialog that is removed while it is open returns the focus as well.
  useEffect(
    () => () => {
      element.current?.close();
      unlock();
    },
    [],
  );
  const asked = (event) => {
    event.preventDefault();
    onClose?.();
  };
  // The padding is inside, so the element itself is clicked only beside the dialog.
  const beside = (event) => event.target === element.current && onClose?.();
  return html`
    <dialog
      ref=${element}
      class=${`dialog dialog--${size}`}
      role=${role}
      aria-labelledby=${title ? titleId : undefined}
      aria-label=${title ? undefined : "Dialog"}
      onCancel=${asked}
      onMouseDown=${beside}
    >
      ${open &&
      html`<div class="dialog__inside">
        <header class="dialog__header">
          <h2 id=${titleId} class="dialog__title">${title}</h2>
          <button type="button" class="icon-button" aria-label="Close" onClick=${() => onClose?.()}>×</button>
        </header>
        <div class="dialog__body" style=${bodyStyle}>${children}</div>
        ${footer && html`<footer class="dialog__footer">${footer}</footer>`}
      </div>`}
    </dialog>
  `;
}

/** Lets the document scroll again once no dialog is open, and takes the messages out of the one that was closed. */
function unlock() {
  raiseToasts();
  if (!document.querySelector("dialog:modal")) document.documentElement.classList.remove("is-locked");
}

const question = new Store(null);

/**
 * Asks a question in a dialog; resolves to whether it was confirmed. A second question waits for the first.
 *
 * @param {{title?: string, message: unknown, confirmText?: string, cancelText?: string, danger?: boolean}} asked
 * @returns {Promise<boolean>}
 */
export function confirm(asked) {
  const answered = waiting.then(
    () =>
      new Promise((resolve) => {
        question.set({
          ...asked,
          answer: (isConfirmed) => {
            question.set(null);
            resolve(isConfirmed);
          },
        });
      }),
  );
  waiting = answered;
  return answered;
}

let waiting = Promise.resolve();

/** The place of the questions of `confirm`; once in a document. */
export function Questions() {
  const asked = useStore(question);
  const { title = "Are you sure?", message, confirmText = "Confirm", cancelText = "Cancel", danger } = asked ?? {};
  const footer = html`
    <button type="button" class="button button--secondary" autofocus onClick=${() => asked.answer(false)}>${cancelText}</button>
    <button type="button" class=${`button button--${danger ? "danger" : "primary"}`} onClick=${() => asked.answer(true)}>
      ${confirmText}
    </button>
  `;
  return html`
    <${Dialog} open=${asked !== null} onClose=${() => asked?.answer(false)} title=${title} footer=${footer} size="sm" role="alertdialog">
      <p>${message}</p>
    <//>
  `;
}
