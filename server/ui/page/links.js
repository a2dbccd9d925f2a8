// The addresses to which a plugin may lead.

const SCHEMES = ["http:", "https:", "mailto:"];

/** The address of a plugin's page. */
export const addressOf = (plugin, path) => `/p/${encodeURIComponent(plugin)}/${String(path ?? "").replace(/^\/+/, "")}`;

/**
 * The address for a `path` of a `navigate` action: `./x` and `x` are pages of the plugin, `/x` is absolute. Null unless
 * it is of this server.
 */
export function pageAddress(plugin, path) {
  const isAbsolute = path.startsWith("/");
  const base = new URL(addressOf(plugin, ""), location.origin);
  const url = parsed(isAbsolute ? path : path.replace(/^(\.\/)+/, ""), base);
  if (!url || url.origin !== location.origin) return null;
  // `../` does not leave the plugin's pages.
  if (!isAbsolute && !url.pathname.startsWith(base.pathname)) return null;
  return url.pathname + url.search + url.hash;
}

/**
 * The `href` for an address that a plugin gives: http, https, mailto, or relative to the plugin's pages. Undefined for
 * anything else, such as `javascript:` and `data:`.
 */
export function safeHref(plugin, href) {
  if (typeof href !== "string" || href.trim() === "") return undefined;
  const url = parsed(href.trim().replace(/^(\.\/)+/, ""), new URL(addressOf(plugin, ""), location.origin));
  if (!url || !SCHEMES.includes(url.protocol)) return undefined;
  return url.origin === location.origin ? url.pathname + url.search + url.hash : url.href;
}

/** Whether an address leads to another server. */
export const isForeign = (href) => href !== undefined && !href.startsWith("/");

function parsed(text, base) {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}
