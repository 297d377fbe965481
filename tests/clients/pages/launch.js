// What SMART's own documentation has an app do on its launch page.
fetch("config.json").then((answer) => answer.json()).then((config) => FHIR.oauth2.authorize(config));
