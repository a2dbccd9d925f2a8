// Who uses the dashboard: the session of the browser, and what its scopes allow.

import { get, post, remove } from "../lib/http.js";
import { Store } from "../lib/store.js";

const PATH = "/api/v1/session";

/** `null` until the server has answered: `{consumer, scopes, session, anonymous, can_sign_in, ended}`. */
export const session = new Store(null);

/** Asks the server again who the caller is. */
export async function refresh() {
  session.set(await get(PATH));
}

/** Begins a session with `{token}` or with the `{code}` of a link. */
export async function signIn(credentials) {
  session.set(await post(PATH, credentials));
}

/** Ends the session. */
export async function signOut() {
  await remove(PATH);
  await refresh();
}

/** Asks who the caller is if an answer says that the session may have ended. */
export function noteRefusal(error) {
  if (error?.status === 401) refresh().catch(() => {});
}

/**
 * Whether the caller has a kind of access to a plugin, or to the host as a whole without one.
 *
 * @param {"read" | "call" | "manage"} kind
 * @param {string} [plugin]
 */
export function may(kind, plugin) {
  return (session.value?.scopes ?? []).some((scope) => {
    const [given, named] = scope.split(":");
    return (given === kind || given === "manage") && (named === undefined || named === plugin);
  });
}

/** Whether the caller has a kind of access to any plugin. */
export function mayAny(kind) {
  return (session.value?.scopes ?? []).some((scope) => [kind, "manage"].includes(scope.split(":")[0]));
}
