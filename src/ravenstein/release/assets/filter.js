"use strict";
// Filters the list of areas as one types; without JavaScript the whole list is there.
(() => {
  const box = document.getElementById("filter");
  const found = document.getElementById("found");
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const items = [...document.querySelectorAll("ul.areas li")].map((item) => {
    const link = item.querySelector("a");
    return { item, text: fold(`${link.textContent} ${link.dataset.code}`) };
  });
  box.closest("p").hidden = false;
  box.addEventListener("input", () => {
    const wanted = fold(box.value.trim());
    let count = 0;
    for (const { item, text } of items) {
      item.hidden = !text.includes(wanted);
      count += item.hidden ? 0 : 1;
    }
    for (const list of document.querySelectorAll("ul.areas")) {
      const empty = !list.querySelector("li:not([hidden])");
      list.hidden = empty;
      list.previousElementSibling.hidden = empty;
    }
    found.textContent = wanted ? `${count} found` : "";
  });
})();
