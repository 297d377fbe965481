// SMART App Launch 2.2, standalone, public client with a private-use scheme. No library.
const SCOPE = "launch/patient offline_access patient/Observation.rs";

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function discover(base) {
  return (await fetch(`${base}/.well-known/smart-configuration`)).json();
}

/** The address to open in the system's browser, and what to keep until the answer comes. */
export async function begin({ base, clientId, redirectUri, scope = SCOPE }) {
  const { authorization_endpoint } = await discover(base);
  const kept = { verifier: random(), state: random() };
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(kept.verifier));
  const asked = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state: kept.state,
    aud: base,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  return { address: `${authorization_endpoint}?${asked}`, kept };
}

/** The tokens for the address the app was led back to. Throws with the server's word for what went wrong. */
export async function finish({ base, clientId, redirectUri }, kept, back) {
  const answer = new URL(back).searchParams;
  if (answer.get("state") !== kept.state) throw new Error("an answer to somebody else");
  if (answer.get("error")) throw new Error(answer.get("error"));
  return ask(base, {
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: redirectUri,
    client_id: clientId,
    code_verifier: kept.verifier,
  });
}

/** Reads, and where the token has expired renews it once. Gives the resource and the tokens to keep from now on. */
export async function read({ base, clientId }, tokens, path) {
  const { answer, tokens: kept } = await call({ base, clientId }, tokens, path);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return { resource: await answer.json(), tokens: kept };
}

/** Any request with the token, which is renewed once where it has expired. */
export async function call({ base, clientId }, tokens, path, { headers = {}, ...rest } = {}) {
  const once = (token) =>
    fetch(`${base}/${path}`, {
      ...rest,
      headers: { Accept: "application/fhir+json", ...headers, Authorization: `Bearer ${token}` },
    });
  let answer = await once(tokens.access_token);
  if (answer.status === 401 && tokens.refresh_token) {
    const form = { grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id: clientId };
    tokens = { ...tokens, ...(await ask(base, form)) };
    answer = await once(tokens.access_token);
  }
  return { answer, tokens };
}

async function ask(base, form) {
  const { token_endpoint } = await discover(base);
  const answer = await fetch(token_endpoint, { method: "POST", body: new URLSearchParams(form) });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

if (globalThis.process?.argv[1] && import.meta.url === `file://${process.argv[1]}`) {
  const app = {
    base: process.env.FHIR_BASE,
    clientId: process.env.CLIENT_ID,
    redirectUri: process.env.REDIRECT_URI,
  };
  const { createInterface } = await import("node:readline/promises");
  const { address, kept } = await begin(app);
  console.log(address);
  const back = await createInterface({ input: process.stdin }).question("");
  let tokens = await finish(app, kept, back.trim());
  tokens = { ...tokens, access_token: "expired" }; // to see a renewal
  const { resource } = await read(app, tokens, `Observation?patient=${tokens.patient}&_summary=count`);
  console.log(`${resource.total} observations`);
  process.exit(0);
}
