// Readings of a phone and its devices, sent until the server has them: as Open mHealth data points, or as FHIR.
import { begin, call, finish } from "../mobile/app.mjs";

const SCOPE = "launch/patient offline_access patient/Observation.c";
const AT_ONCE = 200; // what the server takes in one request

/**
 * Sends data points in as many requests as it takes. Every point keeps the id it was made with, so sending the same again
 * after a lost connection is safe. Gives the tokens to keep, the ids that are in the record, and the refused with why.
 */
export async function sendPoints(app, tokens, points) {
  const kept = [];
  const refused = [];
  for (let first = 0; first < points.length; first += AT_ONCE) {
    const part = points.slice(first, first + AT_ONCE);
    let bundle;
    ({ bundle, tokens } = await post(app, tokens, "Observation/$open-mhealth", "application/json", part));
    bundle.entry.forEach(({ response }, index) => {
      const id = part[index].header.uuid;
      if (/^20[01] /.test(response.status)) kept.push(id);
      else refused.push({ id, why: response.outcome.issue.map((issue) => issue.diagnostics).join("; ") });
    });
  }
  return { tokens, kept, refused };
}

/** The same for samples of HealthKit or Health Connect, as a FHIR batch. */
export async function sendSamples(app, tokens, samples) {
  const entry = samples.map((sample) => asEntry(sample, tokens.patient));
  const batch = { resourceType: "Bundle", type: "batch", entry };
  const sent = await post(app, tokens, "", "application/fhir+json", batch);
  return { tokens: sent.tokens, statuses: sent.bundle.entry.map(({ response }) => response.status) };
}

const CODES = {
  HKQuantityTypeIdentifierHeartRate: ["vital-signs", "8867-4", "/min"],
  HKQuantityTypeIdentifierStepCount: ["activity", "55423-8", "{steps}"],
  HKQuantityTypeIdentifierBodyMass: ["vital-signs", "29463-7", "kg"],
};

/** `ifNoneExist` with the sample's own id: however often it is sent, it is kept once. */
function asEntry({ id, type, value, startDate, endDate, source }, patient) {
  const [category, code, unit] = CODES[type];
  const identifier = { system: "urn:ietf:rfc:3986", value: `urn:uuid:${id.toLowerCase()}` };
  const resource = {
    resourceType: "Observation",
    identifier: [identifier],
    status: "final",
    category: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/observation-category", code: category }] }],
    code: { coding: [{ system: "http://loinc.org", code }] },
    subject: { reference: `Patient/${patient}` },
    contained: [{ resourceType: "Device", id: "device", deviceName: [{ name: source.name, type: "user-friendly-name" }] }],
    device: { reference: "#device", display: source.name },
    effectivePeriod: { start: startDate, end: endDate },
    valueQuantity: { value, system: "http://unitsofmeasure.org", code: unit },
  };
  const ifNoneExist = `identifier=${identifier.system}|${identifier.value}`;
  return { resource, request: { method: "POST", url: "Observation", ifNoneExist } };
}

/** Posts until there is an answer: a lost connection and 503 are tried again, 429 when the server says. */
async function post(app, tokens, path, kind, body) {
  for (let attempt = 1; ; attempt += 1) {
    const order = { method: "POST", headers: { "Content-Type": kind, Prefer: "return=minimal" }, body: JSON.stringify(body) };
    try {
      const sent = await call(app, tokens, path, order);
      tokens = sent.tokens;
      if (sent.answer.ok) return { bundle: await sent.answer.json(), tokens };
      // 401: she has stopped the app. 403: it was never let. Neither gets better by trying again.
      if (![429, 503].includes(sent.answer.status)) throw new Refused(sent.answer.status);
      await pause(Number(sent.answer.headers.get("Retry-After") ?? attempt));
    } catch (error) {
      if (error instanceof Refused || attempt === 8) throw error;
      await pause(2 ** attempt);
    }
  }
}

class Refused extends Error {
  constructor(status) {
    super(`the server answered ${status}`);
  }
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

if (globalThis.process?.argv[1] && import.meta.url === `file://${process.argv[1]}`) {
  const app = {
    base: process.env.FHIR_BASE,
    clientId: process.env.CLIENT_ID,
    redirectUri: process.env.REDIRECT_URI,
    scope: SCOPE,
  };
  const { createInterface } = await import("node:readline/promises");
  const { address, kept: secret } = await begin(app);
  console.log(address);
  const back = await createInterface({ input: process.stdin }).question("");
  let tokens = await finish(app, secret, back.trim());

  const measured = (number, unit = "beats/min") => ({
    header: {
      uuid: `00000000-0000-4000-8000-00000000000${number}`,
      schema_id: { namespace: "omh", name: "heart-rate", version: "2.0" },
      source_creation_date_time: "2026-05-01T08:01:00+02:00",
      modality: "sensed",
      external_datasheets: [{ datasheet_type: "hardware", datasheet_reference: "Watch" }],
    },
    body: {
      heart_rate: { value: 60 + number, unit },
      effective_time_frame: { date_time: `2026-05-01T08:0${number}:00+02:00` },
    },
  });
  const points = [measured(1), measured(2), measured(3, "bpm")];
  const first = await sendPoints(app, { ...tokens, access_token: "expired" }, points); // to see a renewal
  const again = await sendPoints(app, first.tokens, points.slice(0, 2)); // as after a lost connection
  console.log(`${first.kept.length} kept, ${again.kept.length} known, refused: ${first.refused[0].why}`);

  const sample = {
    id: "ED008640-6873-4647-92B2-24F7680014A0",
    type: "HKQuantityTypeIdentifierStepCount",
    value: 66,
    startDate: "2026-05-01T08:00:00+02:00",
    endDate: "2026-05-01T08:05:00+02:00",
    source: { name: "iPhone" },
  };
  const sent = await sendSamples(app, again.tokens, [sample]);
  const repeated = await sendSamples(app, sent.tokens, [sample]);
  console.log(`${sent.statuses[0]}, then ${repeated.statuses[0]}`);
  process.exit(0);
}
