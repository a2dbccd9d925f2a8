// The document of a plugin's page.

import { html, render } from "../lib/view.js";

render(html`<main class="page"><p class="state">Pages are not shown yet.</p></main>`, document.getElementById("app"));
