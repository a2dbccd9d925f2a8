// Light or dark: the system's choice unless the user made another one, which this browser remembers.

import { html } from "./view.js";
import { Store, useStore } from "./store.js";

const KEY = "plugbay-theme";
const NEXT = { system: "light", light: "dark", dark: "system" };
const NAMES = { system: "as the system", light: "light", dark: "dark" };
const SIGNS = { system: "◐", light: "☀", dark: "☾" };

function stored() {
  try {
    const theme = localStorage.getItem(KEY);
    return theme in NEXT ? theme : "system";
  } catch {
    return "system";
  }
}

/** The choice: `system`, `light` or `dark`. */
export const theme = new Store(stored());

function apply(choice) {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

apply(theme.value);

export function setTheme(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // Without storage the choice lasts as long as the document.
  }
  apply(choice);
  theme.set(choice);
}

/** The button that changes from one choice to the next. */
export function ThemeButton() {
  const choice = useStore(theme);
  const label = `Colours: ${NAMES[choice]}. Change to ${NAMES[NEXT[choice]]}`;
  return html`
    <button type="button" class="icon-button" title=${label} aria-label=${label} onClick=${() => setTheme(NEXT[choice])}>
      ${SIGNS[choice]}
    </button>
  `;
}
