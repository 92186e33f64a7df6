"use strict";
// The search for areas: in the header of every page, on areas.html, for comparing and evidence.
// Without JavaScript the page has a link to the list of areas in its place.
(() => {
  const MOST = 8;
  const { areas, gone, levels } = window.ravenstein;
  const LETTERS = {
    ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ß: "ss", æ: "ae", œ: "oe", ı: "i",
  };

  // Case, accents, apostrophes and other marks do not tell names apart; "&" is "and".
  const fold = (text) =>
    text
      .normalize("NFD")
      .replace(/\p{M}/gu, "")
      .toLowerCase()
      .replace(/[øłđðþßæœı]/g, (letter) => LETTERS[letter])
      .replace(/['‘’ʼ′`]/g, "")
      .replace(/&/g, " and ")
      .replace(/[^\p{L}\p{N}]+/gu, " ")
      .trim();

  // A name as it is, and with "st" for "saint" or the other way round.
  const spellings = (name) => {
    const plain = fold(name);
    const other = plain.replace(/\b(st|saint)\b/g, (word) => (word === "st" ? "saint" : "st"));
    return plain === other ? [plain] : [plain, other];
  };
  const starts = (text) => {
    const at = [0];
    for (let i = text.indexOf(" "); i >= 0; i = text.indexOf(" ", i + 1)) at.push(i + 1);
    return at;
  };

  const known = new Map(
    areas.map(([code, name, level, nation]) => {
      const kind = levels[level];
      const about = nation && nation !== name ? `${kind}, ${nation}` : kind;
      return [code, { code, name, about: `${about}, ${code}`, to: code }];
    }),
  );
  const former = new Map(gone.map(([code, name, successors]) => [code, { name, successors }]));
  const entry = (item) => {
    const texts = spellings(item.name).map((text) => ({ text, starts: starts(text) }));
    return { ...item, texts, key: item.code.toLowerCase() };
  };
  const order = new Intl.Collator("en").compare;
  const byName = (a, b) => order(a.name, b.name);
  const abolished = (code, names) => {
    if (!names.length) return `${code}, abolished; what took its place is not recorded`;
    const all = [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" and ");
    return `${code}, abolished, now ${all}`;
  };
  const present = [...known.values()].sort(byName).map(entry);
  const gave = (rows) => [...former].flatMap(rows).sort(byName).map(entry);
  // To find a page: a former code has its own, which says what took its place.
  const pages = [
    ...present,
    ...gave(([code, { name, successors }]) => {
      const names = successors.map(([, now]) => now);
      return [{ code, name, about: abolished(code, names), to: code }];
    }),
  ];
  // To find figures: they are under the successors' codes, each an entry; without one, nowhere.
  const figures = [
    ...present,
    ...gave(([code, { name, successors }]) => {
      if (!successors.length) return [{ code, name, about: abolished(code, []), to: null }];
      return successors.map(([to, now]) => {
        const about = abolished(code, [now]);
        return { code, name, about, to: known.has(to) ? to : null };
      });
    }),
  ];

  // The smaller the better: the name or code itself, its start, a word's start, every word's
  // start, anywhere inside; none of them: -1.
  const rank = (item, query, words) => {
    let best = item.key === query ? 0 : item.key.startsWith(query) ? 2 : 9;
    for (const { text, starts: at } of item.texts) {
      if (best && text === query) best = 0;
      else if (best > 1 && text.startsWith(query)) best = 1;
      else if (best > 3 && at.some((start) => text.startsWith(query, start))) best = 3;
      else if (
        best > 4 && words.length > 1 &&
        words.every((word) => at.some((start) => text.startsWith(word, start)))
      ) best = 4;
      else if (best > 5 && text.includes(query)) best = 5;
    }
    return best === 9 ? -1 : best;
  };

  // Whether the text begins with the query but for one letter: wrong, missing, too many, or two
  // in the wrong order.
  const nearly = (query, text, from) => {
    let i = 0;
    while (i < query.length && query[i] === text[from + i]) i += 1;
    const goesOn = (left, at) => text.startsWith(query.slice(left), from + at);
    return (
      goesOn(i + 1, i + 1) || goesOn(i, i + 1) || goesOn(i + 1, i) ||
      (query[i] === text[from + i + 1] && query[i + 1] === text[from + i] &&
        goesOn(i + 2, i + 2))
    );
  };

  // Return the entries that a text means, best first, and whether a letter was forgiven.
  const find = (typed, entries = pages) => {
    const query = fold(typed);
    if (!query) return { items: [], forgiven: false };
    const words = query.split(" ");
    const groups = [[], [], [], [], [], []];
    for (const item of entries) {
      const place = rank(item, query, words);
      if (place >= 0) groups[place].push(item);
    }
    const items = groups.flat();
    if (items.length || query.length < 4) return { items, forgiven: false };
    const near = entries.filter((item) =>
      item.texts.some(({ text, starts: at }) => at.some((start) => nearly(query, text, start))),
    );
    return { items: near, forgiven: near.length > 0 };
  };

  const made = (tag, properties = {}, attributes = {}) => {
    const element = Object.assign(document.createElement(tag), properties);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // Say how many entries there are, for a screen reader; the list itself says it to the eye.
  const said = ({ items, forgiven }, query) => {
    if (!query) return "";
    if (!items.length) return `No area found for “${query}”`;
    const count = items.length === 1 ? "1 area" : `${items.length} areas`;
    const near = forgiven ? "Nothing is spelt like that. Similar: " : "";
    const shown = items.length > MOST ? `, the first ${MOST} shown` : "";
    return `${near}${count} found${shown}`;
  };

  // Build the list's option. Names from data are only ever text.
  const option = (item, id) => {
    const row = made("li", { id }, { role: "option", "aria-selected": "false" });
    if (!item.to) row.setAttribute("aria-disabled", "true");
    row.append(made("bdi", { textContent: item.name }), " ");
    row.append(made("span", { textContent: item.about }));
    return row;
  };

  // An editable combobox with a list (WAI-ARIA Authoring Practices): the focus stays in the
  // input. `host` is emptied; `label` names the input; `chosen(area)` is called with the code and
  // name of an area that has figures, with `options.pages` also of a former code. With
  // `options.keep` the chosen name stays in the input. Returns the input.
  let count = 0;
  const combobox = (host, label, chosen, options = {}) => {
    const id = options.id ?? `search${(count += 1)}`;
    const input = made(
      "input",
      { id, type: "text", autocomplete: "off", spellcheck: false },
      {
        role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
        "aria-controls": `${id}-list`, autocapitalize: "none",
      },
    );
    if (options.placeholder) input.placeholder = options.placeholder;
    const list = made("ul", { id: `${id}-list` }, { role: "listbox", "aria-label": "Areas" });
    const more = made("p", {}, { "aria-hidden": "true" });
    const popup = made("div", { className: "found", hidden: true });
    const status = made("span", { className: "unseen" }, { role: "status" });
    popup.append(list, more);
    const box = made("div", { className: "combobox" });
    box.append(input, popup, status);
    const before = options.labelled ? [] : [made("label", { htmlFor: id, textContent: label })];
    host.replaceChildren(...before, box);

    let items = [];
    let at = -1;
    const activate = (place) => {
      list.children[at]?.setAttribute("aria-selected", "false");
      at = place;
      const row = list.children[at];
      row?.setAttribute("aria-selected", "true");
      row?.scrollIntoView({ block: "nearest" });
      if (row) input.setAttribute("aria-activedescendant", row.id);
      else input.removeAttribute("aria-activedescendant");
    };
    const show = (open) => {
      popup.hidden = !open;
      input.setAttribute("aria-expanded", String(open && items.length > 0));
      if (!open) activate(-1);
    };
    const search = () => {
      const query = input.value.trim();
      const answer = find(query, options.pages ? pages : figures);
      items = answer.items.slice(0, MOST);
      activate(-1);
      list.replaceChildren(...items.map((item, i) => option(item, `${id}-${i}`)));
      list.hidden = items.length === 0;
      const text = said(answer, query);
      status.textContent = text;
      more.textContent = text;
      more.hidden = items.length > 0 && items.length === answer.items.length && !answer.forgiven;
      show(query !== "");
    };
    const choose = (item) => {
      if (!item) return;
      if (!item.to) {
        status.textContent = "No figures under this code";
        more.textContent = status.textContent;
        more.hidden = false;
        return;
      }
      const area = known.get(item.to) ?? item;
      input.value = options.keep ? area.name : "";
      items = [];
      show(false);
      status.textContent = "";
      chosen(area);
    };
    const step = (by) => {
      if (popup.hidden) search();
      const rows = items.length;
      if (rows) activate(at < 0 ? (by > 0 ? 0 : rows - 1) : (at + by + rows) % rows);
    };
    const keys = {
      ArrowDown: () => step(1),
      ArrowUp: () => step(-1),
      // without a choice among several the first is offered, not taken
      Enter: () => {
        if (popup.hidden) return;
        if (at >= 0 || items.length === 1) choose(items[Math.max(at, 0)]);
        else step(1);
      },
      Escape: () => {
        if (popup.hidden) input.value = "";
        else show(false);
      },
    };
    input.addEventListener("input", () => {
      options.typed?.();
      search();
    });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing || event.ctrlKey || event.metaKey) return;
      // Home and End move the caret, as the pattern has it, and leave the list
      if (event.key === "Home" || event.key === "End") activate(-1);
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
    input.addEventListener("blur", () => show(false));
    // the focus stays in the input when an option is pressed
    popup.addEventListener("pointerdown", (event) => event.preventDefault());
    popup.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) choose(items[[...list.children].indexOf(row)]);
    });
    return input;
  };

  // Filter the list of areas as one types.
  const filterList = () => {
    const box = document.getElementById("filter");
    if (!box) return;
    const found = document.getElementById("found");
    const rows = [...document.querySelectorAll("ul.areas li")].map((item) => {
      const link = item.querySelector("a");
      const texts = [...spellings(link.textContent), fold(link.dataset.code)];
      return { item, texts };
    });
    box.closest("p").hidden = false;
    box.addEventListener("input", () => {
      const wanted = fold(box.value);
      let shown = 0;
      for (const { item, texts } of rows) {
        item.hidden = !texts.some((text) => text.includes(wanted));
        shown += item.hidden ? 0 : 1;
      }
      for (const list of document.querySelectorAll("ul.areas")) {
        list.hidden = !list.querySelector("li:not([hidden])");
        list.previousElementSibling.hidden = list.hidden;
      }
      found.textContent = wanted ? `${shown} found` : "";
    });
  };

  // What comparing and evidence share besides: an area's data, and a file for the reader.
  const { data } = window.ravenstein;
  const load = (code) =>
    new Promise((done) => {
      if (data[code]) return done(data[code]);
      const script = made("script", { src: `data/${encodeURIComponent(code)}.js` });
      script.onload = () => done(data[code] ?? null);
      script.onerror = () => done(null);
      return document.head.append(script);
    });
  const save = (name, type, text) => {
    const href = URL.createObjectURL(new Blob([text], { type }));
    made("a", { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
  };

  Object.assign(window.ravenstein, { combobox, find, former, known, load, made, save });
  for (const host of document.querySelectorAll("div.search")) {
    const { root, label = "Find an area" } = host.dataset;
    const go = (area) => location.assign(`${root}areas/${encodeURIComponent(area.code)}.html`);
    combobox(host, label, go, { pages: true, placeholder: "Area name or code" });
  }
  filterList();
})();
