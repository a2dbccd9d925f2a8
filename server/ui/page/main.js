// The document of a plugin's page: `/p/{plugin}/{path}`.

import { html, render } from "../lib/view.js";
import { Questions } from "../lib/dialog.js";
import { match, startRouter, useLocation } from "../lib/router.js";
import { startToasts } from "../lib/toast.js";
import { PluginPage } from "./page.js";
import "../lib/theme.js";

const PATTERN = "/p/{plugin}/{path…}";

/** Pages of one plugin share a document; those of another plugin get one of their own, and nothing is left of this. */
const own = match(PATTERN, location.pathname)?.plugin;

function App() {
  const { path } = useLocation();
  // The server decodes the segments of the path.
  const below = path.split("/").slice(3).join("/");
  return html`
    <${PluginPage} plugin=${own} path=${`/${below}`} />
    <${Questions} />
  `;
}

startRouter((path) => match(PATTERN, path)?.plugin === own);
startToasts();
render(html`<${App} />`, document.getElementById("app"));
