"use strict";
// Writes what somebody knows about an estimate into a file; nothing is sent from here.
(() => {
  const { combobox, former, known, load, made, save } = window.ravenstein;
  const part = (id) => document.getElementById(id);
  const form = part("evidence");
  const { schema, letters, title, edition, vintage, date } = form.dataset;
  const MOST = Number(letters);
  const LINE = 300;
  const SERIES = ["population", "births", "deaths", "internal_net", "international_net"];
  const titled = document.title;
  const mail = part("mail");
  let area = null;
  let filled = "";
  let turn = 0;

  const value = (id) => part(id).value.trim();
  const size = (text) => [...text].length;
  const whole = (text) => Number(text.replace(/[,\s]/g, "").replace("−", "-"));
  const isWhole = (text) => /^[-−+]?\d[\d,\s]*$/.test(text) && Number.isSafeInteger(whole(text));

  // Fill in the published value, unless the reader wrote another.
  const prefill = async () => {
    if (value("published") !== filled) return;
    const mine = (turn += 1);
    const [figure, year] = [value("figure"), Number(value("year"))];
    const data = area && SERIES.includes(figure) && year ? await load(area.code) : null;
    if (mine !== turn || value("published") !== filled) return;
    const row = data?.series[figure]?.find(([of]) => of === year);
    filled = row?.[1]?.toLocaleString("en-GB").replace("-", "−") ?? "";
    part("published").value = filled;
  };

  const isDate = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
  const isAddress = (text) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(text);
  const long = (id, what) =>
    size(value(id)) > LINE && `${what} must have ${LINE} characters or fewer`;
  const count = (id, what) =>
    value(id) && !isWhole(value(id)) && `${what} must be a whole number, such as 92,300`;
  const most = `The description must have ${MOST.toLocaleString("en-GB")} characters or fewer`;
  // What is wrong with a part of the form; nothing where it is well.
  const checks = {
    area: () => !area && "Choose an area from the list",
    figure: () => !value("figure") && "Choose a figure",
    year: () => !value("year") && "Choose a year",
    published: () => count("published", "The published value"),
    believed: () => count("believed", "What you believe it is"),
    kind: () => !value("kind") && "Choose a kind of evidence",
    description: () =>
      (!value("description") && "Describe the evidence") ||
      (size(value("description")) > MOST && most),
    source: () =>
      (!value("source") && "Name the source of the evidence") || long("source", "The source"),
    reference_date: () =>
      !isDate(value("reference_date")) && "Give the reference date, such as 31 March 2024",
    name: () => long("name", "The name"),
    email: () =>
      (value("email") && !isAddress(value("email")) &&
        "Give an e-mail address like name@example.org") || long("email", "The e-mail address"),
  };

  // Show a part's problem beside it, and say it with the part's label.
  const mark = (id, problem) => {
    const error = part(`${id}-error`);
    error.hidden = !problem;
    error.textContent = problem ? `Error: ${problem}` : "";
    const about = [part(`${id}-hint`) && `${id}-hint`, problem && `${id}-error`].filter(Boolean);
    if (about.length) part(id).setAttribute("aria-describedby", about.join(" "));
    else part(id).removeAttribute("aria-describedby");
    if (problem) part(id).setAttribute("aria-invalid", "true");
    else part(id).removeAttribute("aria-invalid");
    error.closest(".field").classList.toggle("wrong", Boolean(problem));
  };

  const validate = () => {
    const problems = Object.entries(checks).map(([id, check]) => [id, check() || ""]);
    for (const [id, problem] of problems) mark(id, problem);
    const wrong = problems.filter(([, problem]) => problem);
    part("problems").replaceChildren(
      ...wrong.map(([id, problem]) => {
        const link = made("a", { href: `#${id}`, textContent: problem });
        link.addEventListener("click", (event) => {
          event.preventDefault();
          part(id).focus();
        });
        const row = made("li");
        row.append(link);
        return row;
      }),
    );
    part("summary").hidden = wrong.length === 0;
    document.title = wrong.length ? `Error: ${titled}` : titled;
    if (wrong.length) part("summary").focus();
    return wrong.length === 0;
  };

  const number = (id) => (value(id) ? whole(value(id)) : null);
  const evidence = () => ({
    schema,
    release: { title, edition, vintage, date },
    area: { code: area.code, name: area.name },
    figure: value("figure"),
    year: Number(value("year")),
    published: number("published"),
    believed: number("believed"),
    kind: value("kind"),
    description: value("description"),
    source: value("source"),
    reference_date: value("reference_date"),
    contact: { name: value("name"), email: value("email") },
  });

  // Take an area, or none: its page is linked, and a message to the producer names its code.
  const setArea = (chosen) => {
    area = chosen;
    part("area-page").hidden = !area;
    part("area-name").textContent = area?.name ?? "";
    if (area) part("area-link").href = `areas/${encodeURIComponent(area.code)}.html`;
    if (!mail) return;
    const subject = `Evidence about an estimate${area ? `: ${area.code}` : ""}`;
    mail.href = `${mail.href.split("?")[0]}?subject=${encodeURIComponent(subject)}`;
  };
  const choosing = (chosen) => {
    setArea(chosen);
    if (area) mark("area", "");
    prefill();
  };
  const input = combobox(part("area-box"), "Area", choosing, {
    id: "area", keep: true, labelled: true,
    typed: () => choosing(null),
  });
  const choose = (id, wanted) => {
    if ([...part(id).options].some((option) => option.value === wanted)) part(id).value = wanted;
  };
  const read = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const code = asked.get("area");
    if (!code) return;
    const now = former.get(code)?.successors ?? [];
    setArea(known.get(code) ?? (now.length === 1 ? known.get(now[0][0]) : null) ?? null);
    input.value = area?.name ?? "";
    mark("area", area ? "" : `There is no area ${code.slice(0, 20)} in this release: choose one`);
    choose("figure", asked.get("figure"));
    choose("year", asked.get("year"));
    prefill();
  };

  part("figure").addEventListener("change", prefill);
  part("year").addEventListener("change", prefill);
  const left = () => {
    const rest = MOST - size(value("description"));
    const figure = Math.abs(rest).toLocaleString("en-GB");
    const words = rest < 0 ? "characters too many" : "characters left";
    part("left").textContent = `${figure} ${words}`;
  };
  part("description").addEventListener("input", left);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    part("said").textContent = "";
    if (!validate()) return;
    const file = `evidence-${area.code}-${value("year")}.json`;
    save(file, "application/json", `${JSON.stringify(evidence(), null, 2)}\n`);
    const send = part("send").textContent;
    part("said").textContent = `${file} was written to your downloads. ${send}`;
  });
  window.addEventListener("hashchange", read);
  for (const id of Object.keys(checks)) mark(id, "");
  left();
  part("without-script").remove();
  form.hidden = false;
  read();
})();
