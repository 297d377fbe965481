// The page of the redirect: the client redeems the code, and the test asks it for what it wants.
FHIR.oauth2.ready().then((client) => {
  window.client = client;
  document.querySelector("h1").hidden = false;
}).catch((error) => {
  document.getElementById("fault").textContent = error.message;
});
