// A page of a plugin: opening it, its states as a whole, and its content in the host's frame.

import { html, useEffect, useMemo, useRef, useState } from "../lib/view.js";
import { useStore, Store } from "../lib/store.js";
import { Region, regionPaths } from "./regions.js";
import { Frame, useNavigation } from "./frame.js";
import { open } from "./model.js";
import { renderNodes, root } from "./nodes.js";
import { layoutStyle, utilityStyle, WIDTHS_OF_CHANGE } from "./utilities.js";

/** The width of the window, as far as styles depend on it. */
const width = new Store(innerWidth);
for (const from of WIDTHS_OF_CHANGE) {
  matchMedia(`(min-width: ${from}px)`).addEventListener("change", () => width.set(innerWidth));
}

/** @param {{plugin: string, path: string}} props */
export function PluginPage({ plugin, path }) {
  const [opened, setOpened] = useState({ status: "loading" });
  const [attempt, setAttempt] = useState(0);
  const pages = useNavigation(plugin);
  const isFirst = useRef(true);
  const latest = useRef(null);

  // `plugbay dev` has loaded the plugin again.
  useEffect(() => {
    const again = () => setAttempt((count) => count + 1);
    addEventListener("plugbay:changed", again);
    return () => removeEventListener("plugbay:changed", again);
  }, []);

  useEffect(() => {
    const stopped = new AbortController();
    let model;
    // Opened again, a page keeps what has changed of its state.
    const before = latest.current?.path === path ? latest.current : null;
    setOpened((shown) => ({ ...shown, status: "loading" }));
    open(plugin, path, stopped.signal, before?.state.changedValues()).then(
      (page) => {
        model = page;
        latest.current = { path, state: page.state };
        model.start();
        setOpened({ status: "ready", model });
        // After a navigation, readers of the screen begin at the new page.
        if (!isFirst.current && !before) document.getElementById("content")?.focus({ preventScroll: true });
        isFirst.current = false;
      },
      (error) => stopped.signal.aborted || setOpened({ status: "failed", error }),
    );
    return () => {
      stopped.abort();
      model?.close();
    };
  }, [plugin, path, attempt]);

  const { status, model, error } = opened;
  const title = titleOf(model?.document, pages);
  useEffect(() => {
    document.title = [status === "failed" ? "Page not shown" : title, plugin, "Plugbay"].filter(Boolean).join(" · ");
  }, [title, plugin, status]);

  const owner = model?.document.plugin;
  return html`
    <${Frame} plugin=${plugin} name=${owner?.title} version=${owner?.version} pages=${pages}>
      ${status === "failed" && html`<${Failed} error=${error} plugin=${plugin} retry=${() => setAttempt((count) => count + 1)} />`}
      ${status === "loading" && !model && html`<p class="state" role="status"><span class="spinner" aria-hidden="true"></span>Loading…</p>`}
      ${model && status !== "failed" && html`<${Content} key=${model.path} model=${model} title=${title} isLeaving=${status === "loading"} />`}
    <//>
  `;
}

/** The title in the page's metadata, else in the navigation, else the plugin's own. */
function titleOf(page, pages) {
  return page?.route?.meta?.title ?? pages.find((item) => item.path === location.pathname)?.title ?? page?.template?.name ?? page?.plugin.title ?? page?.plugin.name;
}

function Failed({ error, plugin, retry }) {
  const signIn = `/-/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`;
  const again = html`<button type="button" class="button button--secondary" onClick=${retry}>Try again</button>`;
  if (error.status === 401) {
    return html`<div class="state state--column"><h1>Sign in to see this page</h1><a class="button button--primary" href=${signIn}>Sign in</a></div>`;
  }
  if (error.status === 403) {
    return html`<div class="state state--column"><h1>You may not see this page</h1><p>${error.message}</p><a href=${signIn}>Sign in as another user</a></div>`;
  }
  if (error.status === 404) {
    return html`<div class="state state--column"><h1>Page not found</h1><p>The plugin ${plugin} has no page at this address.</p><a href="/">Plugbay</a></div>`;
  }
  return html`<div class="state state--column" role="alert"><h1>This page could not be opened</h1><p>${error.message}</p>${again}</div>`;
}

function Content({ model, title, isLeaving }) {
  useStore(model.changes);
  const viewport = useStore(width);
  const { template, plugin } = model.document;
  const inRegions = useMemo(() => pathsOfRegions(model), [model]);
  const place = { ...root(model), width: viewport };
  const nodes = renderNodes(template?.widgets, place);
  const layout = template?.layout;
  const style = layout && { ...layoutStyle({ ...layout, layout: layout.type }), ...utilityStyle(layout.className, viewport) };
  return html`
    <div class="page__heading">
      <h1>${title}</h1>
      ${template?.description && html`<p class="muted">${template.description}</p>`}
      ${title !== (plugin.title ?? plugin.name) && html`<p class="muted page__plugin">${plugin.title ?? plugin.name}</p>`}
    </div>
    <${Outside} model=${model} inRegions=${inRegions} />
    <div class="page__content" style=${style} aria-busy=${isLeaving ? "true" : undefined}>${nodes}</div>
    ${place.budget.isCut && html`<p class="notice notice--warning">This page has too many elements. Only the first ones are shown.</p>`}
  `;
}

/** Loaders that failed and that no region speaks of. */
function Outside({ model, inRegions }) {
  const failed = model.declared.filter(({ id }) => ["error", "stale"].includes(model.loaders.states.get(id)?.status) && !inRegions.has(id));
  return failed.map(({ id }) => {
    const state = { id, ...model.loaders.states.get(id) };
    return html`<${Region} key=${id} page=${model} states=${[state]} hasData=${state.status === "stale"} />`;
  });
}

function pathsOfRegions(model) {
  const { template, fragments } = model.document;
  const paths = regionPaths(template?.widgets ?? []);
  for (const fragment of Object.values(fragments ?? {})) regionPaths(fragment.widgets ?? [], paths);
  return new Set([...paths].flatMap((path) => model.statesFor(path).map((state) => state.id)));
}
