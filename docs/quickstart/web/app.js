// SMART App Launch 2.2, standalone, public client. No library.
const setting = (name) => document.querySelector(`meta[name="${name}"]`).content;
const base = setting("fhir-base");
const clientId = setting("client-id");
const redirectUri = location.origin + location.pathname;
const scope =
  "launch/patient patient/Observation.rs?category=" +
  "http://terminology.hl7.org/CodeSystem/observation-category|laboratory";
const show = (text) => (document.querySelector("#result").textContent = text);

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function discover() {
  const answer = await fetch(`${base}/.well-known/smart-configuration`);
  return answer.json();
}

async function connect() {
  const { authorization_endpoint } = await discover();
  const kept = { verifier: random(), state: random() };
  sessionStorage.setItem("flow", JSON.stringify(kept)); // no token: only what proves that the answer is to us
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(kept.verifier));
  const request = new URL(authorization_endpoint);
  request.search = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state: kept.state,
    aud: base,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  location.assign(request);
}

async function finish(answer) {
  const kept = JSON.parse(sessionStorage.getItem("flow") ?? "{}");
  sessionStorage.removeItem("flow");
  history.replaceState(null, "", redirectUri); // the code is not left in the address
  if (answer.get("error")) return show(`Not connected: ${answer.get("error")}`);
  if (!kept.state || answer.get("state") !== kept.state) return show("Not connected: this answer is to somebody else.");
  const { token_endpoint } = await discover();
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: redirectUri,
    client_id: clientId,
    code_verifier: kept.verifier,
  });
  const redeemed = await fetch(token_endpoint, { method: "POST", body: form });
  const told = await redeemed.json();
  if (!redeemed.ok) return show(`Not connected: ${told.error}`);
  await count(told.access_token, told.patient);
}

async function count(token, patient) {
  const search = `${base}/Observation?patient=${encodeURIComponent(patient)}&category=laboratory&_summary=count`;
  const answer = await fetch(search, { headers: { Authorization: `Bearer ${token}`, Accept: "application/fhir+json" } });
  if (answer.status === 401) return show("You took the permission back.");
  if (!answer.ok) return show(`The server answered ${answer.status}.`);
  const bundle = await answer.json();
  show(`${bundle.total} laboratory results`);
}

document.querySelector("#connect").addEventListener("click", connect);
const answer = new URLSearchParams(location.search);
if (answer.has("code") || answer.has("error")) await finish(answer);
