// Asks every second whether this page may still be shown, and loads it anew when not. Without this script the next page does.
"use strict";
const page = document.querySelector("[data-standing]");
const EVERY_MS = 800;

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(page.dataset.standing, { credentials: "same-origin", redirect: "error", cache: "no-store" });
      if (answer.status === 403 || (answer.ok && (await answer.text()) !== page.dataset.stands)) {
        page.replaceChildren();
        // By GET, also where a form was answered: a reload would send it again.
        location.replace(location.href);
        return;
      }
    } catch {
      // No answer says nothing; the next one may.
    }
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
