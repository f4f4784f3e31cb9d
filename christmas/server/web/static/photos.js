// A photo that its shop does not answer is replaced by the placeholder.
"use strict";

(() => {
  function replace(image) {
    if (!image.dataset?.placeholder || image.classList.contains("none")) return;
    image.classList.add("none");
    image.alt = "";
    image.src = image.dataset.placeholder;
  }

  document.addEventListener("error", (event) => replace(event.target), true); // it does not bubble
  for (const image of document.images) if (image.complete && !image.naturalWidth) replace(image); // failed before this
})();
