// Opens a SMART Health Link: fetches what is behind it, opens it with the key in the fragment, and shows it as tables.
// Nothing of the fragment is sent anywhere but the address of the link itself, to this very site.
"use strict";
const viewer = document.getElementById("viewer");
const form = document.getElementById("open");
const words = new Map();
for (const each of document.getElementById("words").content.querySelectorAll("[data-word]")) {
  words.set(each.dataset.word, each.textContent);
}
const language = document.documentElement.lang || "en";
const ROWS_AT_ONCE = 2000;
const ROWS_IN_SIGHT = 12;
let link = null;
let opened = "";

class Refused extends Error {
  constructor(state, left = "") {
    super(state);
    this.state = state;
    this.left = left;
  }
}

// --- the link, its manifest and its file ---------------------------------------------------------------------------
function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function read(fragment) {
  const found = /shlink:\/([A-Za-z0-9_-]+)/.exec(fragment);
  if (!found) throw new Refused(fragment.length > 1 ? "broken" : "none");
  let said;
  try {
    said = JSON.parse(new TextDecoder().decode(bytes(found[1])));
    said.secret = bytes(said.key);
    said.address = new URL(said.url);
  } catch {
    throw new Refused("broken");
  }
  if ((said.v ?? 1) !== 1 || said.secret.length !== 32) throw new Refused("broken");
  if (said.address.origin !== location.origin || !said.address.pathname.startsWith(viewer.dataset.path)) {
    throw new Refused("foreign");
  }
  return said;
}

async function ask(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store", ...options });
  } catch {
    throw new Refused("away");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    const { remainingAttempts: left } = await answer.json();
    throw left > 0 ? new Refused("wrong", String(left)) : new Refused("over");
  }
  if (answer.status === 404) throw new Refused("over");
  throw new Refused(answer.status === 429 ? "often" : "away");
}

async function fetched(recipient, passcode) {
  if ((link.flag ?? "").includes("U")) {
    const place = new URL(link.address);
    place.searchParams.set("recipient", recipient);
    return (await ask(place)).text();
  }
  const body = JSON.stringify({ recipient, ...(passcode && { passcode }) });
  const headers = { "Content-Type": "application/json" };
  const { files } = await (await ask(link.address, { method: "POST", headers, body })).json();
  return files[0].embedded ?? (await ask(files[0].location)).text();
}

async function decrypted(compact) {
  const [head, , nonce, sealed, tag] = compact.trim().split(".");
  const said = JSON.parse(new TextDecoder().decode(bytes(head)));
  const closed = new Uint8Array([...bytes(sealed), ...bytes(tag)]);
  const key = await crypto.subtle.importKey("raw", link.secret, "AES-GCM", false, ["decrypt"]);
  const additionalData = new TextEncoder().encode(head);
  const data = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes(nonce), additionalData }, key, closed);
  if (said.zip !== "DEF") return new TextDecoder().decode(data);
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).text();
}

// --- what a resource says, in words --------------------------------------------------------------------------------
const word = (key) => words.get(key) ?? "";
const list = (value) => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]);
const code = (text) => words.get(`code ${text}`) ?? text ?? "";

// What SNOMED CT adds to a name for those who code: "Essential hypertension (disorder)".
const TAG = / \((disorder|event|finding|observable entity|occupation|procedure|qualifier value|regime\/therapy|situation|substance)\)$/;

// Of several the first with words: some only sort.
function concept(value) {
  const several = list(value);
  const worded = (each) => each.text ?? list(each.coding).find((one) => one.display)?.display;
  const coded = (each) => list(each.coding).find((one) => one.code)?.code;
  return String(several.map(worded).find(Boolean) ?? several.map(coded).find(Boolean) ?? "").replace(TAG, "");
}

// UCUM as people write it.
function unit(written) {
  const plain = written.replace(/^10\*(\d)/, (_, power) => `10${"⁰¹²³⁴⁵⁶⁷⁸⁹"[power]}`).replace(/\bu(?=[a-zA-Z])/, "µ");
  return plain.replace("mm[Hg]", "mmHg").replace(/\{([^{}]*)\}/g, "$1");
}

const DECIMAL_SIGN = new Intl.NumberFormat(language).formatToParts(0.5).find((part) => part.type === "decimal").value;

// The digits as they were written, with the reader's decimal sign.
function number(written) {
  return /^-?\d+\.\d/.test(written) ? String(written).replace(".", DECIMAL_SIGN) : String(written);
}

function quantity(value) {
  if (value?.value === undefined) return "";
  return [value.comparator, number(value.value), unit(value.unit ?? value.code ?? "")].filter(Boolean).join(" ");
}

function range(value) {
  return `${quantity(value.low) || "…"} – ${quantity(value.high) || "…"}`;
}

function measured(value) {
  if (value.valueQuantity) return quantity(value.valueQuantity);
  if (value.valueCodeableConcept) return concept(value.valueCodeableConcept);
  if (value.valueRange) return range(value.valueRange);
  if (value.valueBoolean !== undefined) return code(String(value.valueBoolean));
  if (value.valueDateTime) return date(value.valueDateTime);
  return String(value.valueString ?? value.valueInteger ?? concept(value.dataAbsentReason));
}

// Amount and rhythm of an instruction, as far as it says them in codes.
function dose(said) {
  const { frequency = "1", period = "1", periodUnit } = said.timing?.repeat ?? {};
  const span = word(`time ${periodUnit}`);
  const per = Number(period) === 1 ? span : `/ ${number(period)} ${periodUnit}`;
  const rhythm = span ? `${frequency} × ${per}` : concept(said.timing?.code);
  const needed = said.asNeededBoolean === true ? word("needed") : "";
  return [quantity(list(said.doseAndRate)[0]?.doseQuantity), rhythm, needed].filter(Boolean).join(", ");
}

function reference(value, company) {
  const target = company.get(value?.reference);
  const name = target && (named(target) || concept(target.code) || concept(target.type) || target.deviceName?.[0]?.name);
  return name || value?.display || "";
}

function named(resource) {
  const name = list(resource.name)[0];
  if (typeof resource.name === "string") return resource.name;
  return name ? (name.text ?? [...list(name.prefix), ...list(name.given), name.family].filter(Boolean).join(" ")) : "";
}

function what(resource, company) {
  const kinds = ["code", "vaccineCode", "medicationCodeableConcept", "type", "category"];
  return (
    reference(resource.medicationReference, company) ||
    (resource.resourceType === "DeviceUseStatement" && reference(resource.device, company)) ||
    kinds.map((field) => concept(resource[field])).find(Boolean) ||
    named(resource) ||
    resource.title ||
    resource.description?.text ||
    (typeof resource.description === "string" ? resource.description : "") ||
    word("unnamed")
  );
}

function found(resource, company) {
  const parts = [measured(resource)];
  for (const part of list(resource.component)) parts.push(`${concept(part.code)} ${measured(part)}`.trim());
  for (const each of list(resource.referenceRange)) {
    parts.push(`${word("reference")}: ${each.text ?? range(each)}`);
  }
  parts.push(concept(resource.interpretation));
  for (const each of list(resource.dosageInstruction ?? resource.dosage)) parts.push(each.text || dose(each));
  for (const each of list(resource.activity)) parts.push(concept(each.detail?.code) || each.detail?.description);
  for (const each of list(resource.reaction)) {
    const how = list(each.manifestation).map(concept).filter(Boolean).join(", ");
    if (how) parts.push(`${word("reaction")}: ${how}`);
  }
  if (resource.criticality) parts.push(`${word("risk")}: ${code(resource.criticality)}`);
  if (resource.lotNumber) parts.push(`${word("lot")}: ${resource.lotNumber}`);
  const status = concept(resource.clinicalStatus) || resource.status || resource.lifecycleStatus;
  const by = reference(list(resource.performer)[0]?.actor ?? list(resource.performer)[0], company);
  if (by) parts.push(`${word("by")} ${by}`);
  parts.push(status ? code(String(status).toLowerCase()) : "");
  return parts.filter(Boolean).join("; ");
}

const TIMES = [
  "effectiveDateTime", "effectivePeriod", "effectiveInstant", "onsetDateTime", "onsetPeriod", "occurrenceDateTime",
  "performedDateTime", "performedPeriod", "authoredOn", "whenHandedOver", "period", "recordedDate", "dateAsserted",
  "date", "issued", "authored", "created", "startDate",
];

function time(resource) {
  const field = TIMES.find((each) => resource[each]);
  return field ? resource[field] : "";
}

// A date with no more precision than it was written with.
function date(text) {
  if (!/^\d{4}(-\d\d(-\d\d(T.*)?)?)?$/.test(text)) return text ?? "";
  const [year, month, day] = text.slice(0, 10).split("-").map(Number);
  const parts = { year: "numeric", ...(month && { month: "long" }), ...(day && { day: "numeric" }) };
  if (text.length > 10) {
    return new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" }).format(new Date(text));
  }
  return new Intl.DateTimeFormat(language, { ...parts, timeZone: "UTC" }).format(Date.UTC(year, (month || 1) - 1, day || 1));
}

function when(resource) {
  const said = time(resource);
  if (typeof said === "string") return said && date(said);
  return [said.start ? date(said.start) : "…", said.end ? date(said.end) : "…"].join(" – ");
}

const newest = (resource) => {
  const said = time(resource);
  return (typeof said === "string" ? said : (said.end ?? said.start)) || "";
};

// --- the page --------------------------------------------------------------------------------------------------------
function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The newest few are in sight; the others unfold, and are all there on paper.
function part({ title, latest, resources }, company) {
  const section = element("section", undefined, { class: "card" });
  section.append(element("h2", title));
  if (latest && resources.length) section.append(element("p", word("latest"), { class: "soft" }));
  if (!resources.length) {
    section.append(element("p", word("empty"), { class: "soft" }));
    return section;
  }
  const ordered = [...resources].sort((one, other) => (newest(other) < newest(one) ? -1 : newest(other) > newest(one) ? 1 : 0));
  const inSight = ordered.length > ROWS_IN_SIGHT + 3 ? ROWS_IN_SIGHT : ordered.length;
  section.append(table(title, ordered.slice(0, inSight), company));
  if (inSight < ordered.length) {
    const others = element("details", undefined, { class: "others" });
    others.append(element("summary", `${word("more")} (${ordered.length - inSight})`));
    for (let at = inSight; at < ordered.length; at += ROWS_AT_ONCE) {
      others.append(table(title, ordered.slice(at, at + ROWS_AT_ONCE), company));
    }
    section.append(others);
  }
  return section;
}

function table(title, resources, company) {
  const made = element("table");
  const head = element("tr");
  for (const name of ["what", "found", "when"]) head.append(element("th", word(name), { scope: "col" }));
  const top = element("thead");
  top.append(head);
  const body = element("tbody");
  for (const resource of resources) {
    const row = element("tr");
    row.append(
      element("th", what(resource, company), { scope: "row" }),
      element("td", found(resource, company), { "data-label": word("found") }),
      element("td", when(resource), { "data-label": word("when") }),
    );
    body.append(row);
  }
  made.append(element("caption", title, { class: "unseen" }), top, body);
  return made;
}

function parts(bundle) {
  const company = new Map();
  for (const entry of list(bundle.entry)) {
    if (entry.fullUrl) company.set(entry.fullUrl, entry.resource);
    company.set(`${entry.resource.resourceType}/${entry.resource.id}`, entry.resource);
  }
  const resources = list(bundle.entry).map((entry) => entry.resource);
  const composition = resources.find((each) => each.resourceType === "Composition");
  if (composition) {
    const sections = list(composition.section).map((section) => {
      const title = words.get(`section ${section.code?.coding?.[0]?.code}`) ?? section.title;
      const resources = list(section.entry).map((each) => company.get(each.reference)).filter(Boolean);
      return { title, latest: section.text?.div?.includes("<caption>"), resources };
    });
    return { company, resources, sections };
  }
  const kinds = new Map();
  for (const each of resources) {
    if (["Patient", "OperationOutcome", "Provenance"].includes(each.resourceType)) continue;
    const kind = words.get(`type ${each.resourceType}`) ?? word("others");
    kinds.set(kind, [...(kinds.get(kind) ?? []), each]);
  }
  return { company, resources, sections: [...kinds].map(([title, held]) => ({ title, resources: held })) };
}

function show(text) {
  // Numbers stay as they were written, where the browser tells how: 13.50 is not 13.5.
  const bundle = JSON.parse(text, (_, value, context) =>
    typeof value === "number" && context?.source ? context.source : value,
  );
  const { company, resources, sections } = parts(bundle);
  const patient = resources.find((each) => each.resourceType === "Patient") ?? {};
  const page = document.getElementById("shown");
  const heading = page.querySelector("[data-name]");
  heading.textContent = named(patient) || link.label || document.title;
  const about = page.querySelector("[data-about]");
  if (patient.birthDate) about.append(element("span", `${word("born")} ${date(patient.birthDate)}`));
  if (patient.gender && patient.gender !== "unknown") about.append(element("span", code(patient.gender)));
  if (bundle.timestamp) about.append(element("span", `${word("asof")} ${date(bundle.timestamp)}`));
  const warning = resources.find((each) => each.resourceType === "OperationOutcome")?.issue?.[0]?.details?.text;
  if (warning) {
    page.querySelector("[data-warning]").textContent = warning;
    page.querySelector("[data-warning]").hidden = false;
  }
  const place = page.querySelector("[data-sections]");
  for (const section of sections) place.append(part(section, company));
  document.getElementById("ask").hidden = true;
  page.hidden = false;
  heading.focus();
}

function state(name, left = "") {
  for (const each of document.querySelectorAll("[data-state]")) each.hidden = each.dataset.state !== name;
  const place = document.querySelector("[data-left]");
  place.textContent = left && `${word("left")}: ${left}`;
  form.hidden = !link || ["over", "broken", "foreign", "none", "insecure"].includes(name);
}

function canOpen() {
  try {
    return Boolean(crypto.subtle && new DecompressionStream("deflate-raw"));
  } catch {
    return false;
  }
}

function begin() {
  try {
    link = read(location.hash);
  } catch (problem) {
    state(problem.state);
    return;
  }
  if (!canOpen()) {
    state("insecure");
    return;
  }
  form.hidden = false;
  form.querySelector("[data-passcode]").hidden = !(link.flag ?? "").includes("P");
  form.querySelector("#passcode").required = (link.flag ?? "").includes("P");
  if (link.label) {
    form.querySelector("[data-label]").hidden = false;
    form.querySelector("[data-label] strong").textContent = link.label;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  state("busy");
  try {
    opened = await decrypted(await fetched(form.recipient.value.trim(), form.passcode.value.trim()));
  } catch (problem) {
    state(problem.state ?? "broken", problem.left);
    return;
  }
  state("");
  show(opened);
});

document.getElementById("print").addEventListener("click", () => window.print());
document.getElementById("save").addEventListener("click", () => {
  const saved = element("a", undefined, { download: "health-record.json" });
  saved.href = URL.createObjectURL(new Blob([opened], { type: "application/fhir+json" }));
  saved.click();
  setTimeout(() => URL.revokeObjectURL(saved.href), 1000);
});

// Browsers print the address of a page in its margin: the key does not belong on paper.
let printed = "";
window.addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details.others")) each.open = true;
  printed = location.hash;
  history.replaceState(null, "", location.pathname);
});
window.addEventListener("afterprint", () => history.replaceState(null, "", location.pathname + printed));

// Another language, without leaving the link: a form of a page that tells no Referer would be refused.
for (const each of document.querySelectorAll("form.language")) {
  each.addEventListener("submit", async (event) => {
    event.preventDefault();
    await fetch(each.action, { method: "POST", body: new FormData(each, event.submitter), redirect: "manual" });
    location.reload();
  });
}
window.addEventListener("hashchange", () => location.reload());
begin();
