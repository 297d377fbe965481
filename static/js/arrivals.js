// While records arrive, fetches the part of the page that changes. Without this script the page reloads itself.
"use strict";
const place = document.querySelector("[data-arrivals]");
const spoken = document.querySelector("[data-spoken]");
const EVERY_MS = 2000;

async function refresh() {
  let text;
  try {
    const answer = await fetch(place.dataset.arrivals, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    text = await answer.text();
  } catch {
    setTimeout(refresh, EVERY_MS * 3);
    return;
  }
  const part = new DOMParser().parseFromString(text, "text/html").querySelector("[data-under-way]");
  if (!part || part.dataset.underWay === "no") {
    location.reload();
    return;
  }
  place.replaceChildren(document.adoptNode(part));
  if (spoken.textContent !== part.dataset.summary) spoken.textContent = part.dataset.summary;
  setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
