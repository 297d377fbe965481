{% load static %}// Says what to do without a network, and holds nothing else: pages with records on them are never kept here.
// The one exception is the emergency card that a person keeps by herself (js/kept_card.js).
"use strict";
const HERE = "tributary-offline";
const PAGE = "{% url 'portal:offline' %}";
const CARD = "{% url 'portal:emergency' %}";
const FILES = ["{% static 'css/tokens.css' %}", "{% static 'css/frame.css' %}", "{% static 'css/parts.css' %}", "{% static 'img/icon.svg' %}", "{% static 'js/offline.js' %}"];

self.addEventListener("install", (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.mode === "navigate") event.respondWith(fetch(event.request).catch(() => instead(path)));
  else if (FILES.includes(path)) event.respondWith(fetch(event.request).catch(() => caches.match(path, { ignoreVary: true })));
});

async function keep() {
  await caches.delete(HERE);
  const cache = await caches.open(HERE);
  // Without cookies: the page of nobody in particular.
  await cache.addAll([PAGE, ...FILES].map((path) => new Request(path, { credentials: "omit", cache: "reload" })));
}

async function instead(path) {
  const card = path === CARD ? await caches.match(CARD, { ignoreVary: true }) : undefined;
  return card || caches.match(PAGE, { ignoreVary: true });
}
