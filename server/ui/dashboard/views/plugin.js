// One plugin: its state and figures, and a tab for each of its subjects.

import { html, useEffect, useReducer } from "../../lib/view.js";
import { atMost, bytes, compact, count, errorsOf, quantile, timeOfSeconds } from "../format.js";
import { record, series } from "../history.js";
import { Facts, Heading, Region, Sparkline, State } from "../parts.js";
import { PluginMenu } from "../plugin_menu.js";
import { useResource } from "../resource.js";
import { may } from "../session.js";
import { ActionsTab } from "../tabs/actions.js";
import { ConfigurationTab } from "../tabs/configuration.js";
import { DataTab } from "../tabs/data.js";
import { JobsTab } from "../tabs/jobs.js";
import { ManifestTab } from "../tabs/manifest.js";
import { PermissionsTab } from "../tabs/permissions.js";
import { TablesTab } from "../tabs/tables.js";
import { EventList } from "./events.js";
import { LogList } from "./logs.js";

const EVERY = 5_000;

const TABS = [
  { id: "manifest", name: "Manifest", view: ManifestTab },
  { id: "permissions", name: "Permissions", view: PermissionsTab },
  { id: "configuration", name: "Configuration", view: ConfigurationTab },
  { id: "actions", name: "Actions", view: ActionsTab },
  { id: "jobs", name: "Jobs", view: JobsTab },
  { id: "data", name: "Data", view: DataTab, kind: "manage" },
  { id: "tables", name: "Tables", view: TablesTab, kind: "manage" },
  { id: "logs", name: "Logs", view: ({ plugin }) => html`<${LogList} plugin=${plugin.name} />`, ofHost: true },
  { id: "events", name: "Events", view: ({ plugin }) => html`<${EventList} source=${plugin.name} />`, ofHost: true },
];

export function PluginView({ name, tab = "manifest" }) {
  const path = `/api/v1/plugins/${encodeURIComponent(name)}`;
  const plugin = useResource(path, { every: EVERY });
  const [, recorded] = useReducer((turn) => turn + 1, 0);
  useEffect(() => {
    if (!plugin.value?.metrics) return;
    // The time of the answer tells two readings apart.
    record({ uptime_seconds: performance.now(), plugins: { [name]: plugin.value.metrics } });
    recorded();
  }, [plugin.value]);
  const tabs = TABS.filter((entry) => (entry.kind ? may(entry.kind, name) : !entry.ofHost || may("read")));
  const shown = tabs.find((entry) => entry.id === tab);
  return html`
    <${Heading} title=${name}>
      ${may("manage", name) && plugin.value && html`<${PluginMenu} plugin=${plugin.value} reload=${plugin.reload} isWhole=${true} />`}
    <//>
    <${Region} of=${plugin}>
      ${(value) => html`
        <${Summary} plugin=${value} />
        <nav class="tabs" aria-label=${`Sections of ${name}`}>
          ${tabs.map(
            (entry) => html`
              <a key=${entry.id} class="tab" href=${`/-/plugins/${encodeURIComponent(name)}/${entry.id}`}
                aria-current=${entry.id === tab ? "page" : undefined}>${entry.name}</a>
            `,
          )}
        </nav>
        ${shown ? html`<${shown.view} key=${shown.id} plugin=${value} reload=${plugin.reload} path=${path} />` : html`<p class="state">This section does not exist.</p>`}
      `}
    <//>
  `;
}

function Summary({ plugin }) {
  const { metrics, state, version, last_error: problem, installed_at: installedAt, origin, loaded_at: loadedAt } = plugin;
  // A page with parameters has no address of its own.
  const pages = (plugin.manifest?.frontend?.pages ?? []).filter((page) => !page.path.includes("{"));
  const calls = series(plugin.name, "calls");
  return html`
    ${problem && html`<div class="notice notice--error" role="status">${problem}</div>`}
    <${Facts}
      facts=${[
        ["State", html`<${State} state=${state} />`],
        ["Version", version],
        ["Loaded", loadedAt && timeOfSeconds(loadedAt)],
        ["Installed", installedAt && timeOfSeconds(installedAt)],
        ["Origin", origin],
        ["Pages", pages.length > 0 ? pages.map((page) => html`<${PageLink} key=${page.path} plugin=${plugin.name} page=${page} />`) : undefined],
      ]}
    />
    ${metrics &&
    html`<${Facts}
      facts=${[
        ["Calls", html`${count(metrics.calls)} <${Sparkline} values=${calls} label="Calls in the last 5 s" />`],
        ["Errors", errorsOf(metrics) > 0 ? `${count(errorsOf(metrics))} (${codes(metrics.errors)})` : "0"],
        ["p50", atMost(quantile(metrics.latency_micros, 0.5))],
        ["p99", atMost(quantile(metrics.latency_micros, 0.99))],
        ["Memory", html`${bytes(metrics.memory_bytes)} <${Sparkline} values=${series(plugin.name, "memory")} label="Memory in bytes" />`],
        ["Fuel", compact(metrics.fuel)],
        ["Instances started", count(metrics.instances_started)],
        ["Waiting calls", count(metrics.calls_waiting)],
      ]}
    />`}
  `;
}

const PageLink = ({ plugin, page }) => html`
  <a class="spaced" href=${`/p/${encodeURIComponent(plugin)}/${page.path.replace(/^\/+/, "")}`}>${page.meta?.title ?? page.path}</a>
`;

const codes = (errors) => Object.entries(errors).map(([code, number]) => `${code}: ${count(number)}`).join(", ");
