// The frame around all views: navigation, the session, colours, messages and questions.

import { Questions } from "../lib/dialog.js";
import { match, navigate, useLocation } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { ThemeButton } from "../lib/theme.js";
import { html, useEffect } from "../lib/view.js";
import { later } from "./later.js";
import { Heading } from "./parts.js";
import { useChange, useResource } from "./resource.js";
import { may, mayAny, refresh, session, signOut } from "./session.js";
import { OverviewView } from "./views/overview.js";
import { SignInView } from "./views/sign_in.js";

const PluginView = later(() => import("./views/plugin.js"), "PluginView");

/** The views, with whether the caller may see them. Those with a name are in the navigation. */
const VIEWS = [
  { path: "/", name: "Plugins", view: OverviewView, shows: () => mayAny("read") },
  { path: "/-/plugins/{name}", view: PluginView, shows: ({ name }) => may("read", name) },
  { path: "/-/plugins/{name}/{tab}", view: PluginView, shows: ({ name }) => may("read", name) },
  { path: "/-/install", name: "Install", view: later(() => import("./views/install.js"), "InstallView"), shows: ({ plugin }) => may("manage", plugin) },
  { path: "/-/logs", name: "Logs", view: later(() => import("./views/logs.js"), "LogsView"), shows: () => may("read") },
  { path: "/-/events", name: "Events", view: later(() => import("./views/events.js"), "EventsView"), shows: () => may("read") },
  { path: "/-/processes", name: "Processes", view: later(() => import("./views/processes.js"), "ProcessesView"), shows: () => may("read") },
  { path: "/-/engines", name: "Engines", view: later(() => import("./views/engines.js"), "EnginesView"), shows: () => may("read") },
  { path: "/-/dead-letters", name: "Dead letters", view: later(() => import("./views/dead_letters.js"), "DeadLettersView"), shows: () => may("read") },
  { path: "/-/audit", name: "Audit", view: later(() => import("./views/audit.js"), "AuditView"), shows: () => may("read") },
  { path: "/-/tokens", name: "Tokens", view: later(() => import("./views/tokens.js"), "TokensView"), shows: () => may("manage") },
  { path: "/-/host", name: "Host", view: later(() => import("./views/host.js"), "HostView"), shows: () => may("read") },
  { path: "/-/sign-in", view: SignInView, shows: () => true },
];

export function Frame() {
  const { path, query } = useLocation();
  const who = useStore(session);
  // Most hosts run no processes beside their plugins and follow no engine: then there is no link to them.
  const isReader = who && may("read");
  const processes = useResource(isReader ? "/api/v1/processes" : null).value?.processes;
  const engines = useResource(isReader ? "/api/v1/docker" : null).value?.engines;
  const listed = { "/-/processes": processes, "/-/engines": engines };
  const isListed = ({ path, name, shows }) => name && shows({}) && (!(path in listed) || listed[path]?.length > 0);
  const found = VIEWS.map((entry) => ({ entry, parameters: match(entry.path, path) })).find(({ parameters }) => parameters);
  return html`
    <a class="skip-link" href="#content">Skip to the content</a>
    <header class="top">
      <a class="top__brand" href="/">Plugbay</a>
      <nav class="top__nav" aria-label="Dashboard">
        ${VIEWS.filter((entry) => who && isListed(entry)).map(
          (entry) => html`
            <a key=${entry.path} href=${entry.path} aria-current=${isWithin(entry.path, path) ? "page" : undefined}>${entry.name}</a>
          `,
        )}
      </nav>
      <div class="top__end"><${Who} who=${who} /><${ThemeButton} /></div>
    </header>
    <main id="content" class="content" tabindex="-1">
      <${Notices} who=${who} path=${path} />
      <${Content} who=${who} found=${found} path=${path} query=${query} />
    </main>
    <${Questions} />
  `;
}

const isWithin = (view, path) => (view === "/" ? path === "/" || path.startsWith("/-/plugins/") : path.startsWith(view));

function Content({ who, found, path, query }) {
  if (!who) return html`<${Unreachable} />`;
  if (!found) return html`<${Heading} title="Not found" /><p>The dashboard has no view at ${path}. <a href="/">Show the plugins</a></p>`;
  const { entry, parameters } = found;
  if (!entry.shows({ plugin: query.get("plugin") ?? undefined, ...parameters })) {
    return html`
      <${Heading} title="Not allowed" />
      <p>${who.consumer ?? "A caller without a token"} may not see this. <a href=${signInPath(path)}>Sign in</a> with more scopes.</p>
    `;
  }
  // Another session sees other values, and another plugin has another state.
  const key = `${who.session?.id ?? ""} ${VIEWS.findIndex(({ view }) => view === entry.view)} ${parameters.name ?? ""}`;
  return html`<${entry.view} key=${key} ...${parameters} />`;
}

/** The server has not answered yet. */
function Unreachable() {
  useEffect(() => {
    const timer = setInterval(() => refresh().catch(() => {}), 3_000);
    return () => clearInterval(timer);
  }, []);
  return html`<div class="state" role="status"><span class="spinner" aria-hidden="true"></span> Waiting for the server…</div>`;
}

const signInPath = (path) => `/-/sign-in?to=${encodeURIComponent(path)}`;

function Who({ who }) {
  const { path } = useLocation();
  const [isBusy, run] = useChange();
  if (!who) return null;
  if (who.session) {
    const out = async () => {
      await run(signOut, "You are signed out.");
      navigate("/");
    };
    return html`
      <span class="top__who" title=${`Scopes: ${who.scopes.join(", ")}`}>${who.consumer}</span>
      <button type="button" class="button button--secondary button--sm" disabled=${isBusy} onClick=${out}>Sign out</button>
    `;
  }
  const isHere = path === "/-/sign-in";
  return who.can_sign_in && !isHere && html`<a class="button button--primary button--sm" href=${signInPath(path)}>Sign in</a>`;
}

function Notices({ who, path }) {
  if (!who || path === "/-/sign-in" || who.session) return null;
  const link = who.can_sign_in && html`<a href=${signInPath(path)}>Sign in</a>`;
  if (who.ended) {
    return html`<div class="notice notice--warning" role="status">Your session has ended. ${link}</div>`;
  }
  const scopes = who.scopes.length ? who.scopes.join(", ") : "nothing";
  return html`<div class="notice notice--info">You are not signed in. Your access: ${scopes}. ${link}</div>`;
}
