// Signing in: by the code of a link, which is in the fragment of the address, or by a token.

import { navigate, useLocation } from "../../lib/router.js";
import { useStore } from "../../lib/store.js";
import { html, useEffect, useId, useState } from "../../lib/view.js";
import { Heading } from "../parts.js";
import { session, signIn } from "../session.js";

export function SignInView() {
  const { query, hash } = useLocation();
  const who = useStore(session);
  const id = useId();
  const [token, setToken] = useState("");
  const [error, setError] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const code = new URLSearchParams(hash.slice(1)).get("code");
  const to = query.get("to") ?? "/";

  async function begin(credentials) {
    setBusy(true);
    setError(null);
    try {
      await signIn(credentials);
      navigate(to.startsWith("/") && !to.startsWith("//") ? to : "/", { replace: true });
    } catch (problem) {
      setError(problem.message);
    } finally {
      setBusy(false);
    }
  }

  useEffect(() => {
    if (!code) return;
    // The code leaves the address at once, and with it the history.
    history.replaceState(null, "", location.pathname + location.search);
    begin({ code });
  }, [code]);

  const submitted = (event) => {
    event.preventDefault();
    if (token.trim()) begin({ token: token.trim() });
    else setError("Enter a token.");
  };
  if (!who.can_sign_in) return html`<${Heading} title="Sign in" /><p>This server does not support signing in.</p>`;
  return html`
    <div class="narrow">
      <${Heading} title="Sign in" />
      <div role="alert">${error && html`<div class="notice notice--error">${error}</div>`}</div>
      <form class="form card" onSubmit=${submitted}>
        <div class="field">
          <label class="field__label" for=${id}>Token</label>
          <input id=${id} class="input mono" type="password" autocomplete="current-password" spellcheck="false" value=${token}
            aria-invalid=${error ? "true" : undefined} aria-describedby=${`${id}-hint`} onInput=${(event) => setToken(event.target.value)} />
          <span class="field__hint" id=${`${id}-hint`}>
            A token begins with <code>pbk_</code>. Without one, <code>plugbay token link</code> on the server's machine prints a link
            that signs you in.
          </span>
        </div>
        <div class="form__buttons">
          <button type="submit" class="button button--primary" disabled=${isBusy}>${isBusy ? "Signing in…" : "Sign in"}</button>
        </div>
      </form>
    </div>
  `;
}
