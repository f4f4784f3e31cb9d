// A log that is looked at from its end stays at its end while lines come.
"use strict";

(() => {
  const NEAR_PIXELS = 40;
  for (const log of document.querySelectorAll("[role=log]")) {
    let atEnd = true;
    log.addEventListener("scroll", () => {
      atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PIXELS;
    });
    const show = () => {
      if (atEnd) {
        log.scrollTop = log.scrollHeight;
      }
    };
    new MutationObserver(show).observe(log, { childList: true });
    show();
  }
})();
