// Her emergency card on this device, if she says so: the card alone, as it stands on the page, under its own address.
// The worker shows it where the network fails; nobody else does.
"use strict";
(() => {
  const part = document.querySelector("[data-kept-card]");
  if (!part || !("caches" in window) || !("serviceWorker" in navigator)) return;
  const KEPT = "tributary-card", ADDRESS = location.pathname;
  const [keep, drop, told] = ["[data-keep]", "[data-drop]", "[data-kept]"].map((name) => part.querySelector(name));
  part.hidden = false;

  const show = async () => {
    const kept = Boolean(await caches.match(ADDRESS, { cacheName: KEPT }));
    told.hidden = drop.hidden = !kept;
  };
  keep.addEventListener("click", async () => {
    const cache = await caches.open(KEPT);
    await cache.put(ADDRESS, new Response(page(), { headers: HEADERS }));
    await show();
  });
  drop.addEventListener("click", async () => {
    await caches.delete(KEPT);
    await show();
    keep.focus();
  });

  const HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'",
  };
  function page() {
    const bare = document.implementation.createHTMLDocument(document.title);
    bare.documentElement.lang = document.documentElement.lang;
    const wide = bare.createElement("meta");
    wide.name = "viewport";
    wide.content = "width=device-width, initial-scale=1";
    const main = bare.createElement("main");
    main.className = "page";
    const title = bare.createElement("h1");
    title.textContent = document.querySelector("h1").textContent;
    main.append(title, bare.importNode(document.querySelector("article.emergency"), true));
    bare.head.append(wide, ...[...document.querySelectorAll("link[rel=stylesheet], link[rel=icon]")].map((link) => bare.importNode(link)));
    bare.body.append(main);
    return "<!doctype html>" + bare.documentElement.outerHTML;
  }
  show();
})();
