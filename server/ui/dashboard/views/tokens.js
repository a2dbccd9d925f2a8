// Tokens of clients and sessions of browsers: made, shown once, revoked.

import { confirm, Dialog } from "../../lib/dialog.js";
import { post, remove } from "../../lib/http.js";
import { notify } from "../../lib/toast.js";
import { html, useId, useState } from "../../lib/view.js";
import { timeOfSeconds } from "../format.js";
import { Heading, Region, State, Table } from "../parts.js";
import { useChange, useResource } from "../resource.js";
import { refresh, session } from "../session.js";

const LIFETIMES = [
  ["1 hour", 3_600],
  ["1 day", 86_400],
  ["30 days", 2_592_000],
  ["90 days", 7_776_000],
  ["until it is revoked", 0],
];

export function TokensView() {
  const tokens = useResource("/api/v1/tokens");
  const [isOpen, setOpen] = useState(false);
  const [created, setCreated] = useState(null);
  const [isBusy, run] = useChange();
  async function revoke(token) {
    const what = token.kind === "session" ? "session" : "token";
    const message = token.kind === "session" ? "The browser is signed out." : "Requests with it are refused from now on, and its sessions end.";
    const isSure = await confirm({ title: `Revoke the ${what} of ${token.consumer}?`, message, confirmText: "Revoke", danger: true });
    if (!isSure) return;
    await run(() => remove(`/api/v1/tokens/${token.id}`), `The ${what} of ${token.consumer} is revoked.`);
    // It may have been the own one.
    await refresh().catch(() => {});
    tokens.reload();
  }
  const done = (token) => {
    setOpen(false);
    setCreated(token);
    tokens.reload();
  };
  const row = (token) => html`
    <tr key=${token.id}>
      <td class="numeric">${token.id}</td>
      <th scope="row">${token.consumer}${token.id === session.value?.session?.id && html` <span class="badge badge--primary">this session</span>`}</th>
      <td>${token.kind}</td>
      <td>${token.scopes.join(", ")}</td>
      <td><${State} state=${token.state} /></td>
      <td>${token.expires_at ? timeOfSeconds(token.expires_at) : "never"}</td>
      <td>${token.last_used_at ? timeOfSeconds(token.last_used_at) : "never"}</td>
      <td>${token.state === "active" && html`<button type="button" class="button button--danger-quiet button--sm" disabled=${isBusy} aria-label=${`Revoke ${token.consumer}, number ${token.id}`} onClick=${() => revoke(token)}>Revoke</button>`}</td>
    </tr>
  `;
  const columns = ["Number", "Consumer", "Kind", "Scopes", "State", "Expires", "Last used", "Actions"].map((name) => ({ name }));
  return html`
    <${Heading} title="Tokens"><button type="button" class="button button--primary" onClick=${() => setOpen(true)}>Create a token</button><//>
    <${Region} of=${tokens} isEmpty=${(value) => value.tokens.length === 0} empty="There are no tokens.">
      ${(value) => html`<${Table} label="Tokens" columns=${columns}>${value.tokens.map(row)}<//>`}
    <//>
    <${Dialog} open=${isOpen} title="Create a token" onClose=${() => setOpen(false)}><${Create} done=${done} /><//>
    <${Dialog} open=${created !== null} title="New token" onClose=${() => setCreated(null)}>${created && html`<${Secret} token=${created} />`}<//>
  `;
}

function Create({ done }) {
  const id = useId();
  const [consumer, setConsumer] = useState("");
  const [kinds, setKinds] = useState(["read", "call"]);
  const [plugin, setPlugin] = useState("");
  const [lifetime, setLifetime] = useState(2_592_000);
  const [isBusy, run] = useChange();
  const problem = consumer.trim() === "" ? "Name the consumer." : kinds.length === 0 ? "Choose a scope." : null;
  const [isShown, setShown] = useState(false);
  async function create(event) {
    event.preventDefault();
    setShown(true);
    if (problem) return;
    const scopes = kinds.map((kind) => (plugin.trim() === "" ? kind : `${kind}:${plugin.trim()}`));
    const body = { consumer: consumer.trim(), scopes, expires_in_seconds: lifetime };
    const token = await run(() => post("/api/v1/tokens", body));
    if (token) done(token);
  }
  const toggle = (kind, isOn) => setKinds(isOn ? [...kinds, kind] : kinds.filter((other) => other !== kind));
  return html`
    <form class="form" onSubmit=${create} novalidate>
      <div role="alert">${isShown && problem && html`<div class="notice notice--error">${problem}</div>`}</div>
      <div class="field">
        <label class="field__label" for=${`${id}-consumer`}>Consumer</label>
        <input id=${`${id}-consumer`} class="input" maxlength="100" value=${consumer} aria-invalid=${isShown && consumer.trim() === "" ? "true" : undefined}
          aria-describedby=${`${id}-hint`} onInput=${(event) => setConsumer(event.target.value)} />
        <span class="field__hint" id=${`${id}-hint`}>The person or program that will use the token.</span>
      </div>
      <fieldset class="fieldset">
        <legend class="field__label">Scopes</legend>
        ${["read", "call", "manage"].map(
          (kind) => html`
            <label class="check" key=${kind}>
              <input type="checkbox" checked=${kinds.includes(kind)} onChange=${(event) => toggle(kind, event.target.checked)} /><span>${kind}</span>
            </label>
          `,
        )}
      </fieldset>
      <div class="field">
        <label class="field__label" for=${`${id}-plugin`}>Plugin</label>
        <input id=${`${id}-plugin`} class="input" value=${plugin} placeholder="all plugins and the host" onInput=${(event) => setPlugin(event.target.value)} />
      </div>
      <div class="field">
        <label class="field__label" for=${`${id}-lifetime`}>Valid for</label>
        <select id=${`${id}-lifetime`} class="select" onChange=${(event) => setLifetime(Number(event.target.value))}>
          ${LIFETIMES.map(([name, seconds]) => html`<option key=${name} value=${String(seconds)} selected=${seconds === lifetime}>${name}</option>`)}
        </select>
      </div>
      <div class="form__buttons"><button type="submit" class="button button--primary" disabled=${isBusy}>Create</button></div>
    </form>
  `;
}

function Secret({ token }) {
  const id = useId();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(token.token);
      notify("The token is copied.", "success");
    } catch {
      notify("The browser does not allow copying: select the token instead.", "warning");
    }
  };
  return html`
    <p>Copy it now. Only its hash is stored, so it cannot be shown again.</p>
    <div class="field">
      <label class="field__label" for=${id}>Token of ${token.consumer}</label>
      <input id=${id} class="input mono" readonly value=${token.token} onFocus=${(event) => event.target.select()} />
    </div>
    <div class="form__buttons"><button type="button" class="button button--secondary" onClick=${copy}>Copy</button></div>
  `;
}
