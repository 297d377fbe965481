// Finds hospitals while she types. Without this script the form does the same by its button.
"use strict";
const words = document.querySelector("#q");
const found = document.querySelector("[data-found]");
const told = document.querySelector("[data-found-spoken]");
const PAUSE_MS = 200;
let waiting;
let asked = 0;

async function find() {
  const mine = ++asked;
  let text;
  try {
    const address = `${location.pathname}?part=found&q=${encodeURIComponent(words.value)}`;
    const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return;
  }
  const part = new DOMParser().parseFromString(text, "text/html").querySelector("[data-found-part]");
  // An answer that was overtaken by a later one says nothing.
  if (!part || mine !== asked) return;
  found.replaceChildren(document.adoptNode(part));
  told.textContent = found.querySelector(".notice")?.textContent ?? String(found.querySelectorAll("li").length);
}

words.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(find, PAUSE_MS);
});
