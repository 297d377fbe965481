// Counts again whenever a choice changes: posts the form as its "Count again" button would, and takes the numbers from
// the page that comes back. Without this script the button does the same.
"use strict";
const form = document.querySelector("[data-recount]");
const SOON_MS = 200;
let waiting = 0;
let asked = null;

async function recount() {
  asked?.abort();
  asked = new AbortController();
  const said = new FormData(form);
  said.set("answer", "count");
  let text;
  try {
    const answer = await fetch(form.action || location.href, {
      method: "POST",
      body: new URLSearchParams(said),
      credentials: "same-origin",
      redirect: "error",
      signal: asked.signal,
    });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const place of document.querySelectorAll("[data-live]")) {
    const counted = page.querySelector(`[data-live="${CSS.escape(place.dataset.live)}"]`);
    if (counted && counted.innerHTML !== place.innerHTML) {
      // Taken out of the other page first: the list of its children shrinks while they are adopted.
      const children = [...counted.childNodes];
      place.replaceChildren(...children.map((node) => document.adoptNode(node)));
    }
  }
}

form?.addEventListener("change", () => {
  clearTimeout(waiting);
  waiting = setTimeout(recount, SOON_MS);
});
