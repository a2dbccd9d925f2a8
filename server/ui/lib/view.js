// The rendering library as the other modules use it: Preact with hooks, and `html`, which makes elements of a template text.

import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { Component, Fragment, createContext, h, render } from "../vendor/preact.js";
export {
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "../vendor/hooks.js";

/** Elements of a template text: html`<p class=${name}>${text}</p>`. Values are escaped; there is no way to insert markup. */
export const html = htm.bind(h);

/** The class names of a list, without the false ones. */
export const classes = (...names) => names.filter(Boolean).join(" ") || undefined;
