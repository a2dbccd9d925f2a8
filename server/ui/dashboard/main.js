// The operator's dashboard: a view for each address below `/` and `/-/`. It uses the public API only, and shows what the
// scopes of the caller allow.

import { startRouter } from "../lib/router.js";
import { startToasts } from "../lib/toast.js";
import { html, render } from "../lib/view.js";
import { Frame } from "./frame.js";
import { refresh } from "./session.js";

startRouter((path) => path === "/" || path.startsWith("/-/"));
// The frame shows that there is no answer, and asks again.
refresh().catch(() => {});
startToasts();
render(html`<${Frame} />`, document.getElementById("app"));
