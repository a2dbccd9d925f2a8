// Addresses and history: deep links, the back button, and links that are followed without loading a new document.

import { Store, useStore } from "./store.js";

const read = () => ({ path: location.pathname, query: new URLSearchParams(location.search), hash: location.hash });
const place = new Store(read());
let handles = () => false;

/**
 * Starts to follow the history and clicks on links.
 *
 * @param {(path: string) => boolean} isOwn whether this document shows the path; other links are left to the browser
 */
export function startRouter(isOwn) {
  handles = isOwn;
  addEventListener("popstate", () => {
    // Back to an address of another document that this one took over is left to the browser.
    if (handles(location.pathname)) place.set(read());
    else location.reload();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || !handles(link.pathname)) return;
    // A link within the page scrolls.
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    navigate(link.pathname + link.search + link.hash);
  });
}

/** Goes to an address of this server; `replace` leaves no entry in the history. */
export function navigate(address, { replace = false } = {}) {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin || !handles(url.pathname)) {
    location.assign(url);
    return;
  }
  const isSame = url.href === location.href;
  history[replace || isSame ? "replaceState" : "pushState"](null, "", url);
  place.set(read());
  if (!replace) scrollTo(0, 0);
}

/** The address that is shown: `{path, query: URLSearchParams, hash}`. */
export function useLocation() {
  return useStore(place);
}

/**
 * The parameters of a path that fits a pattern such as `/plugins/{name}`, decoded; null if it does not fit. A last
 * `{name…}` takes the rest of the path.
 */
export function match(pattern, path) {
  const names = split(pattern);
  const parts = split(path);
  const parameters = {};
  for (const [index, name] of names.entries()) {
    const variable = /^\{(.+?)(…?)\}$/.exec(name);
    if (variable?.[2]) {
      parameters[variable[1]] = parts.slice(index).map(decode).join("/");
      return parameters;
    }
    if (index >= parts.length) return null;
    if (variable) parameters[variable[1]] = decode(parts[index]);
    else if (name !== parts[index]) return null;
  }
  return names.length === parts.length ? parameters : null;
}

const split = (path) => path.split("/").filter((part) => part !== "");

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
