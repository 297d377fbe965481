// On the page for when there is no network: the emergency card, if she keeps one on this device.
"use strict";
(async () => {
  const KEPT = "tributary-card";
  const parts = document.querySelectorAll("[data-kept]");
  const show = async () => {
    const kept = await caches.has(KEPT);
    for (const part of parts) part.hidden = !kept;
  };
  for (const drop of document.querySelectorAll("[data-drop]")) {
    drop.addEventListener("click", async () => {
      await caches.delete(KEPT);
      await show();
    });
  }
  if ("caches" in window) await show();
})();
