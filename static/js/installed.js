// Makes the portal something that can be installed; without it everything works the same, but for the offline page.
"use strict";
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/service-worker.js", { scope: "/" }).catch(() => {});
