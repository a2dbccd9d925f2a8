// Installing and updating: from a file, a URL or a registry, after a review of what the plugin asks for.

import { navigate, useLocation } from "../../lib/router.js";
import { post, request, withQuery } from "../../lib/http.js";
import { notify } from "../../lib/toast.js";
import { html, useId, useState } from "../../lib/view.js";
import { Facts, Heading, Section, Table } from "../parts.js";
import { may, noteRefusal } from "../session.js";

/** Fetching and compiling a large plugin takes a while, in milliseconds. */
const TIMEOUT = 300_000;

export function InstallView() {
  const { query } = useLocation();
  const updated = query.get("plugin");
  const id = useId();
  const [reference, setReference] = useState("");
  const [file, setFile] = useState(null);
  const [review, setReview] = useState(null);
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);

  /** Sends what was chosen, to be reviewed or to be installed. */
  function send(source, options) {
    if (source.file) {
      const path = withQuery("/api/v1/plugins/upload", options);
      return request("POST", path, { body: source.file, headers: { "content-type": "application/wasm" }, timeout: TIMEOUT });
    }
    const path = updated ? `/api/v1/plugins/${encodeURIComponent(updated)}/update` : "/api/v1/plugins";
    return post(path, { ...(source.reference && { reference: source.reference }), ...options }, { timeout: TIMEOUT });
  }
  async function attempt(work) {
    setBusy(true);
    setError(null);
    try {
      return await work();
    } catch (problem) {
      noteRefusal(problem);
      setError(problem);
      return null;
    } finally {
      setBusy(false);
    }
  }
  async function ask(event, source) {
    event.preventDefault();
    const answer = await attempt(() => send(source, { preview: true }));
    setReview(answer && { ...answer, source });
  }
  async function install() {
    // A version whose content has changed is among what was reviewed.
    const answer = await attempt(() => send(review.source, { yes: true, accept_moved_version: true }));
    if (!answer) return;
    notify(`${answer.plugin.name} ${answer.plugin.current.version} is ${answer.change}.`, "success");
    for (const problem of answer.host?.errors ?? []) notify(problem, "error");
    navigate(`/-/plugins/${encodeURIComponent(answer.plugin.name)}`);
  }

  // Another source is a decision about the host, not about one plugin.
  const isWhole = may("manage");
  const title = updated ? `Update ${updated}` : "Install a plugin";
  return html`
    <${Heading} title=${title} />
    <div role="alert">${error && html`<div class="notice notice--error">${error.message}</div>`}</div>
    ${review
      ? html`<${Review} review=${review} isBusy=${isBusy} install=${install} back=${() => setReview(null)} />`
      : html`<div class="columns">
          <form class="form card" onSubmit=${(event) => ask(event, { reference: reference.trim() })}>
            <h2>${isWhole ? "From a URL or a registry" : "From its source"}</h2>
            ${isWhole &&
            html`<div class="field">
              <label class="field__label" for=${`${id}-reference`}>Reference</label>
              <input id=${`${id}-reference`} class="input mono" value=${reference} required=${!updated} spellcheck="false"
                aria-describedby=${`${id}-hint`} onInput=${(event) => setReference(event.target.value)} />
              <span class="field__hint" id=${`${id}-hint`}>
                ${updated && "Leave it empty for the source that it was installed from. "}Such as https://example.org/plugin.wasm or oci://ghcr.io/example/plugin:1.0
              </span>
            </div>`}
            <div class="form__buttons"><button type="submit" class="button button--primary" disabled=${isBusy}>${isBusy ? "Working…" : "Review"}</button></div>
          </form>
          ${isWhole &&
          html`<form class="form card" onSubmit=${(event) => ask(event, { file })}>
            <h2>From a file</h2>
            <div class="field">
              <label class="field__label" for=${`${id}-file`}>Component</label>
              <input id=${`${id}-file`} type="file" accept=".wasm,application/wasm" required onChange=${(event) => setFile(event.target.files[0] ?? null)} />
              <span class="field__hint">A component that contains its manifest, such as <code>plugbay build</code> writes.</span>
            </div>
            <div class="form__buttons"><button type="submit" class="button button--primary" disabled=${isBusy || !file}>${isBusy ? "Working…" : "Review"}</button></div>
          </form>`}
        </div>`}
  `;
}

function Review({ review, isBusy, install, back }) {
  const { plugin, difference, notes } = review;
  const asked = changes(difference);
  const verb = difference.installed ? "Update" : "Install";
  return html`
    <${Facts}
      facts=${[
        ["Plugin", plugin.name],
        ["Version", difference.installed ? `${difference.installed} → ${plugin.version}` : plugin.version],
        ["Description", plugin.description],
        ["Origin", plugin.origin],
        ["Signed by", plugin.signed_by ?? "no key"],
        ["Digest", html`<code>${plugin.digest}</code>`],
      ]}
    />
    ${difference.unchanged && html`<p class="notice notice--info">This version is installed already. Nothing would change.</p>`}
    ${difference.installed === plugin.version && !difference.unchanged && html`<p class="notice notice--warning">It differs from the installed plugin, although the version is the same.</p>`}
    ${difference.downgrade && html`<p class="notice notice--warning">It is older than the installed version.</p>`}
    ${notes.map((note) => html`<p key=${note} class="notice notice--warning">${note}</p>`)}
    <${Section} title=${difference.installed ? "Changes" : "Requested access"}>
      ${asked.length === 0
        ? html`<p class="muted">It asks for no permission${difference.installed && " that it does not have already"}.</p>`
        : html`<${Table} label="What the plugin asks for" columns=${[{ name: "Kind" }, { name: "Value" }]}>
            ${asked.map(([kind, what, tone]) => html`<tr key=${`${kind} ${what}`}><td><span class=${`badge badge--${tone}`}>${kind}</span></td><td><code>${what}</code></td></tr>`)}
          <//>`}
      <p class="muted">The policy of the host decides which permissions are granted.</p>
    <//>
    <div class="buttons">
      <button type="button" class="button button--primary" disabled=${isBusy} onClick=${install}>${isBusy ? "Working…" : `${verb} ${plugin.name}`}</button>
      <button type="button" class="button button--secondary" disabled=${isBusy} onClick=${back}>Back</button>
    </div>
  `;
}

/** The rows of a difference: kind, text and tone. */
function changes(difference) {
  const rule = ({ resource, actions, effect }) => `${effect === "deny" ? "not " : ""}${resource}${actions ? `:${actions.join(",")}` : ""}`;
  const permission = {
    added: (change) => ["permission", rule(change.rule), "warning"],
    removed: (change) => ["no longer asked for", rule(change.rule), "success"],
    no_longer_denied: (change) => ["no longer denied to itself", rule(change.rule), "warning"],
    reordered: () => ["permissions", "the same rules in another order", "warning"],
  };
  return [
    ...(difference.execution_mode ? [["mode", `${difference.execution_mode.from} → ${difference.execution_mode.to}`, "error"]] : []),
    ...difference.permissions.map((change) => permission[change.change](change)),
    ...difference.limits.map((limit) => ["limit", `${limit.limit}: ${limit.from} → ${limit.to}`, limit.grows ? "warning" : "success"]),
    ...difference.environment.map((name) => ["variable of the host", name, "warning"]),
    ...difference.subscribes.map((topic) => ["events", topic, "warning"]),
    ...difference.requires.map((name) => ["plugin", name, "neutral"]),
    ...(difference.signature ? [["signature", `${difference.signature.from ?? "none"} → ${difference.signature.to ?? "none"}`, "warning"]] : []),
  ];
}
