// The host's frame around a page: it says whose page it is, so that a page cannot pass for one of the host.

import { html, useEffect, useState } from "../lib/view.js";
import { get } from "../lib/http.js";
import { ThemeButton } from "../lib/theme.js";

/** The pages of a plugin that its navigation shows. */
export function useNavigation(plugin) {
  const [pages, setPages] = useState([]);
  useEffect(() => {
    let isShown = true;
    get("/api/v1/pages").then(
      ({ navigation }) => isShown && setPages(navigation.filter((item) => item.pluginId === plugin)),
      // The page works without it, and says itself if the caller may not see it.
      () => {},
    );
    return () => {
      isShown = false;
    };
  }, [plugin]);
  return pages;
}

/**
 * @param {{plugin: string, name?: string, version?: string, pages: object[], path: string, children: unknown}} props
 *   `plugin` is the name by which the operator knows it, `name` how it calls itself
 */
export function Frame({ plugin, name, version, pages, children }) {
  return html`
    <a class="skip-link" href="#content">Skip to the page</a>
    <header class="frame">
      <a class="frame__home" href="/">Plugbay</a>
      <span class="frame__owner">
        <span class="badge">plugin</span> <b>${plugin}</b>
        ${name && name !== plugin && html`<span class="muted frame__name">“${name}”</span>`}
        ${version && html`<span class="muted">${version}</span>`}
      </span>
      <${ThemeButton} />
    </header>
    ${pages.length > 1 &&
    html`<nav class="frame__pages tabs" aria-label=${`Pages of ${plugin}`}>
      ${pages.map(
        (page) => html`
          <a key=${page.path} class="tab" href=${page.path} aria-current=${page.path === location.pathname ? "page" : undefined}>${page.title}</a>
        `,
      )}
    </nav>`}
    <main id="content" class="page" tabindex="-1">${children}</main>
    <footer class="frame__foot muted">
      This is a page of the plugin <b>${plugin}</b>, not of Plugbay itself. Plugbay never asks for a token or a password here.
    </footer>
  `;
}
