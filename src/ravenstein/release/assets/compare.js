"use strict";
// Compares up to four areas: a chart, the same figures as a table, and a link to the view.
(() => {
  const { combobox, compareSpec, former, known, load, made, save } = window.ravenstein;
  const MOST = 4;
  const HEIGHT = 360;
  const LINE = 17;
  const part = (id) => document.getElementById(id);
  const select = part("measure");
  const measures = [...select.options].map((option) => option.value);
  let codes = [];
  let shown = null;
  let turn = 0;

  const isFlow = () => !["population", "index"].includes(select.value);
  const name = (code) => known.get(code).name;
  const listed = (words) =>
    words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
  const tell = (text) => {
    part("said").textContent = text;
  };

  // The link of a view, and a view from its link.
  const hash = () => `#areas=${codes.join(",")}&measure=${select.value}`;
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const problems = [];
    const wanted = new Set();
    for (const code of (asked.get("areas") ?? "").split(",").filter(Boolean)) {
      const old = former.get(code);
      const now = (old?.successors ?? []).map(([to]) => to).filter((to) => known.has(to));
      if (known.has(code)) wanted.add(code);
      else if (now.length) {
        now.forEach((to) => wanted.add(to));
        const names = listed(now.map(name));
        problems.push(`${old.name} (${code}) was abolished; it is now ${names}.`);
      } else problems.push(`There is no area ${code.slice(0, 20)} in this release.`);
    }
    if (wanted.size > MOST) problems.push(`Only the first ${MOST} areas of the link are shown.`);
    const measure = asked.get("measure");
    if (measure && !measures.includes(measure)) {
      problems.push(`There is no measure ${measure.slice(0, 40)}; population is shown.`);
    }
    codes = [...wanted].slice(0, MOST);
    select.value = measures.includes(measure) ? measure : measures[0];
    part("problems").replaceChildren(...problems.map((text) => made("p", { textContent: text })));
    part("problems").hidden = problems.length === 0;
  };

  // Figures of a measure by year: levels, an index, or a year's flow per 1,000 people.
  const figures = (areas) => {
    const population = areas.map((area) => new Map(area?.series.population ?? []));
    const measure = select.value;
    if (measure === "index") {
      const there = population.filter((p) => p.size);
      const years = [...(there[0]?.keys() ?? [])].filter((year) => there.every((p) => p.get(year)));
      if (!years.length) {
        const title = "No year has figures of all areas";
        return { rows: areas.map(() => new Map()), digits: 1, title };
      }
      const base = Math.min(...years);
      const of100 = (value, p) => (value === null ? null : (100 * value) / p.get(base));
      const rows = population.map(
        (p) => new Map([...p].map(([year, value]) => [year, of100(value, p)])),
      );
      return { rows, digits: 1, title: `Population, mid-${base} = 100` };
    }
    const rate = measure.endsWith("_rate");
    const series = rate ? measure.slice(0, -5) : measure;
    const title = select.selectedOptions[0].textContent;
    const rows = areas.map((area, i) => {
      const plain = new Map(area?.series[series] ?? []);
      if (!rate) return plain;
      const per = ([year, value]) => {
        const [before, after] = [population[i].get(year - 1), population[i].get(year)];
        const there = value !== null && before && after;
        return [year, there ? (2000 * value) / (before + after) : null];
      };
      return new Map([...plain].map(per));
    });
    return { rows, digits: rate ? 1 : 0, title };
  };

  const number = (value, digits, signed) => {
    if (value === null || value === undefined) return "not available";
    const text = Math.abs(value).toLocaleString("en-GB", {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    });
    const none = !/[1-9]/.test(text);
    return (none ? "" : value < 0 ? "−" : signed ? "+" : "") + text;
  };

  const drawTable = ({ rows, digits, title }) => {
    const years = [...new Set(rows.flatMap((row) => [...row.keys()]))].sort((a, b) => b - a);
    const head = made("tr");
    head.append(made("th", { scope: "col", textContent: "Year" }));
    for (const code of codes) {
      const cell = made("th", { scope: "col", className: "wrap" });
      cell.append(made("bdi", { textContent: name(code) }));
      head.append(cell);
    }
    const signed = /natural_change|_net|other_change/.test(select.value);
    const body = years.map((year) => {
      const row = made("tr");
      row.append(made("th", { scope: "row", textContent: year }));
      for (const values of rows) {
        const text = number(values.get(year), digits, signed);
        row.append(made("td", { className: "range", textContent: text }));
      }
      return row;
    });
    part("table-title").textContent = title;
    part("head").replaceChildren(head);
    part("body").replaceChildren(...body);
  };

  // A name in at most two lines of so many letters.
  const wrapped = (text, letters) => {
    const lines = [""];
    for (const word of text.split(" ")) {
      const longer = `${lines.at(-1)} ${word}`.trim();
      if ([...longer].length <= letters || !lines.at(-1)) lines[lines.length - 1] = longer;
      else lines.push(word);
    }
    const rest = lines.slice(1).join(" ");
    return rest ? [lines[0], rest] : lines;
  };

  // Move labels apart so that none covers another, as little as their order allows.
  const spread = (labels) => {
    const gap = (i) => (labels[i - 1].tall + labels[i].tall) / 2 + 3;
    const last = labels.length - 1;
    labels.sort((a, b) => a.at - b.at);
    labels.forEach((label, i) => {
      if (i) label.at = Math.max(label.at, labels[i - 1].at + gap(i));
    });
    for (let i = last; i >= 0; i -= 1) {
      const most = i === last ? HEIGHT - labels[i].tall / 2 : labels[i + 1].at - gap(i + 1);
      labels[i].at = Math.min(labels[i].at, most);
    }
    return labels;
  };

  // Fill the specification: the reach of the axis, and a label beside each line's end.
  const filled = ({ rows, digits }, width) => {
    const points = rows.flatMap((row, area) =>
      [...row].map(([year, value]) => ({ year, value, area })),
    );
    const values = points.map((p) => p.value).filter((value) => value !== null);
    if (!values.length) return null;
    const flows = isFlow();
    if (flows) values.push(0);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const margin = (most - least || Math.abs(most) || 1) * 0.06;
    const [low, high] = [least - margin, most + margin];
    const room = width < 560 ? 92 : 160;
    const edge = Math.max(...points.filter((p) => p.value !== null).map((p) => p.year));
    const ends = rows.flatMap((row, area) => {
      const last = points.filter((p) => p.area === area && p.value !== null).at(-1);
      if (!last) return [];
      const lines = wrapped(name(codes[area]), Math.floor(room / 7.5));
      const at = ((high - last.value) / (high - low)) * HEIGHT;
      return [{ ...last, edge, lines, at, tall: lines.length * LINE }];
    });
    const labels = spread(ends).flatMap(({ lines, at, tall, ...end }) =>
      lines.map((text, i) => ({
        ...end, name: text,
        link: high - (at / HEIGHT) * (high - low),
        label: high - ((at - tall / 2 + (i + 0.5) * LINE) / HEIGHT) * (high - low),
      })),
    );
    const data = { series: points, ends: labels, zero: flows ? [{ value: 0 }] : [] };
    const signals = { low, high, room, figures: digits ? ",.1f" : ",d", step: 10 ** -digits };
    return {
      ...compareSpec, width: width - room - 90, height: HEIGHT,
      data: compareSpec.data.map((d) => (data[d.name] ? { ...d, values: data[d.name] } : d)),
      signals: compareSpec.signals.map((s) => ({ ...s, value: signals[s.name] ?? s.value })),
    };
  };

  const drawChart = async (now) => {
    const chart = part("chart");
    const spec = window.vegaEmbed && filled(now, chart.clientWidth);
    shown?.finalize();
    shown = null;
    chart.replaceChildren();
    part("figure").hidden = !spec;
    if (!spec) return;
    part("chart-title").textContent = now.title;
    part("chart-note").textContent = isFlow()
      ? "Years to mid-year."
      : "Mid-years. The scale does not start at zero.";
    const drawn = `Line chart: ${now.title}, ${listed(codes.map(name))}.`;
    chart.setAttribute("aria-label", `${drawn} The figures are in the table below.`);
    // the interpreter of expressions (ast) and no styles of its own: the page's policy forbids both
    shown = await window.vegaEmbed(chart, spec, {
      mode: "vega", ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: false,
    });
  };

  const drawChosen = () => {
    const rows = codes.map((code, i) => {
      const row = made("li", { className: `mark${i}` });
      const link = made("a", { href: `areas/${encodeURIComponent(code)}.html` });
      link.append(made("bdi", { textContent: name(code) }));
      const button = made("button", { type: "button", textContent: "Remove" });
      button.setAttribute("aria-label", `Remove ${name(code)}`);
      button.addEventListener("click", () => remove(code));
      row.append(link, " ", made("span", { className: "code", textContent: code }), " ", button);
      return row;
    });
    part("chosen").replaceChildren(...rows);
    part("full").hidden = codes.length < MOST;
    part("results").hidden = codes.length === 0;
  };

  const draw = async () => {
    const mine = (turn += 1);
    drawChosen();
    if (!codes.length) return;
    const areas = await Promise.all(codes.map(load));
    if (mine !== turn) return;
    const missing = codes.filter((code, i) => !areas[i]).map(name);
    part("missing").hidden = missing.length === 0;
    part("missing").textContent = `The figures of ${listed(missing)} could not be loaded.`;
    const now = figures(areas);
    drawTable(now);
    await drawChart(now);
  };
  const changed = (text) => {
    history.replaceState(null, "", hash());
    tell(text);
    return draw();
  };

  const add = ({ code }) => {
    if (codes.includes(code)) tell(`${name(code)} is compared already.`);
    else if (codes.length === MOST) tell(`${MOST} areas are the most: remove one first.`);
    else {
      codes = [...codes, code];
      changed(`${name(code)} added, ${codes.length} of ${MOST} areas.`);
    }
  };
  const remove = (code) => {
    const place = codes.indexOf(code);
    codes = codes.filter((other) => other !== code);
    changed(`${name(code)} removed, ${codes.length} of ${MOST} areas.`);
    const buttons = part("chosen").querySelectorAll("button");
    (buttons[Math.min(place, buttons.length - 1)] ?? input).focus();
  };

  const csv = async () => {
    const now = figures(await Promise.all(codes.map(load)));
    // a spreadsheet would run a name that begins like a formula
    const quoted = (text) =>
      `"${String(text).replace(/^[=+\-@\t\r]/, "'$&").replace(/"/g, '""')}"`;
    const rows = codes.flatMap((code, i) =>
      [...now.rows[i]].map(([year, value]) => {
        const text = value === null ? "" : value.toFixed(now.digits);
        return [code, quoted(name(code)), year, quoted(now.title), text].join(",");
      }),
    );
    const text = ["area,name,year,measure,value", ...rows, ""].join("\r\n");
    save(`compare-${select.value}.csv`, "text/csv", text);
    tell("The figures were saved as CSV.");
  };
  const copy = async () => {
    const link = location.href.split("#")[0] + hash();
    try {
      await navigator.clipboard.writeText(link);
      tell("The link was copied.");
    } catch {
      // where a page from disk may not write to the clipboard, the link is there to copy by hand
      part("link").hidden = false;
      part("link-text").value = link;
      part("link-text").select();
      tell("The link is selected: copy it from the box.");
    }
  };

  const input = combobox(part("add"), "Add an area", add, { placeholder: "Area name or code" });
  select.addEventListener("change", () =>
    changed(`${select.selectedOptions[0].textContent} shown.`),
  );
  part("csv").addEventListener("click", csv);
  part("copy").addEventListener("click", copy);
  window.addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return; // a link inside the page
    read();
    draw();
  });
  let width = innerWidth;
  let wait = 0;
  window.addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(wait);
    wait = setTimeout(draw, 150);
  });
  part("without-script").remove();
  part("compare").hidden = false;
  read();
  draw();
})();
