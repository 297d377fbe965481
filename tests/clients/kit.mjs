// fhir-kit-client reads with the token of a granular scope; what it learns goes out as one line of JSON.
import { pathToFileURL } from "node:url";

const { PACKAGES, FHIR_BASE, TOKEN, PATIENT, LABORATORY, VITALS } = process.env;
// Its package has an `import` condition only, so its entry is named by its path.
const { Client } = await import(pathToFileURL(`${PACKAGES}/fhir-kit-client/dist/index.js`));
const client = new Client({ baseUrl: FHIR_BASE, bearerToken: TOKEN });

const statusOf = (asked) => asked.then(() => 200, (error) => error.response?.status ?? String(error));
const metadata = await client.smartAuthMetadata();
const found = [];
let bundle = await client.search({ resourceType: "Observation", searchParams: { patient: PATIENT, _count: 2 } });
while (bundle) {
  found.push(...(bundle.entry ?? []).map((entry) => entry.resource.id));
  bundle = await client.nextPage({ bundle });
}
console.log(JSON.stringify({
  token: metadata.tokenUrl.href,
  found,
  laboratory: await statusOf(client.read({ resourceType: "Observation", id: LABORATORY })),
  vitals: await statusOf(client.read({ resourceType: "Observation", id: VITALS })),
  conditions: await statusOf(client.search({ resourceType: "Condition", searchParams: { patient: PATIENT } })),
}));
