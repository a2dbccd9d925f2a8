// Requests to this server. The session's cookie is sent by the browser; no script can read it.

/** The default time that an answer may take, in milliseconds. */
const TIMEOUT = 60_000;

/**
 * A request that failed. `status` is 0 if there was no answer. `code` and `message` are those of the body
 * `{code, msg}`; `details` is in the body in development mode only. `retryAfter` is in seconds.
 */
export class HttpError extends Error {
  constructor(status, code, message, { details, retryAfter } = {}) {
    super(message);
    this.name = "HttpError";
    this.status = status;
    this.code = code;
    this.details = details;
    this.retryAfter = retryAfter;
  }

  /** Whether the caller is not signed in, or no longer. */
  get isUnauthorized() {
    return this.status === 401;
  }
}

/**
 * Sends a request and returns the body of the answer: a value for JSON, otherwise a text, `null` if empty.
 *
 * @param {string} method
 * @param {string} path an absolute path of this server
 * @param {{body?: unknown, headers?: Record<string, string>, signal?: AbortSignal, timeout?: number}} options `body` is
 *   sent as JSON, or as it is if it is a Blob; `timeout` is in milliseconds
 * @throws {HttpError} for an answer other than 2xx, or none. An abort by `signal` is thrown as it is.
 */
export async function request(method, path, { body, headers, signal, timeout = TIMEOUT } = {}) {
  const limit = AbortSignal.timeout(timeout);
  const options = {
    method,
    headers: { accept: "application/json", ...headers },
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    credentials: "same-origin",
  };
  if (body instanceof Blob) {
    options.body = body;
  } else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["content-type"] = "application/json";
  }
  let response;
  let text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    const message = limit.aborted ? "The server took too long to answer." : "The server does not answer.";
    throw new HttpError(0, limit.aborted ? "timeout" : "unreachable", message);
  }
  const value = parse(response, text);
  if (response.ok) return value;
  throw failure(response, value);
}

export const get = (path, options) => request("GET", path, options);
export const post = (path, body, options) => request("POST", path, { ...options, body });
export const put = (path, body, options) => request("PUT", path, { ...options, body });
export const remove = (path, options) => request("DELETE", path, options);

/** `path` with the parameters that are neither undefined nor null nor empty. */
export function withQuery(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.append(name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

function parse(response, text) {
  if (text === "") return null;
  if (!response.headers.get("content-type")?.includes("json")) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The error of an answer other than 2xx, also for `fetch` elsewhere. */
export function failure(response, value) {
  const body = value && typeof value === "object" ? value : {};
  const message = body.msg ?? body.message ?? `The server answered ${response.status}.`;
  const retryAfter = Number(response.headers.get("retry-after")) || undefined;
  return new HttpError(response.status, body.code ?? "error", String(message), { details: body.details, retryAfter });
}
