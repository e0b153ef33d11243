"use strict";

// The page of regard serve: asks the API for what is typed, and shows what it answers.

(() => {
  const ASKED = ["beam", "layer", "head", "view", "length", "temperature", "seed"];
  const LABELS = {
    beam: "Beam", layer: "Layer", head: "Head", view: "Show", length: "Length",
    temperature: "Temperature", seed: "Seed",
  };
  const VIEWS = { attention: ["one table", ""], heads: ["all heads", "heads"], search: ["the search", "search"] };
  const DOES = {
    translate: "translates", classify: "classifies", match: "matches two texts",
    generate: "continues a text",
  };
  const EMPTY = "An empty text has no token that could look anywhere.";
  const LONGEST_LINK = 8000;
  const REMEMBERED = 8;
  const SHOWN_CLASSES = 6;

  const at = (id) => document.getElementById(id);
  const form = at("ask");
  const results = at("results");
  const fields = { text: at("text"), left: at("left"), right: at("right") };

  let runs = new Map();
  let limits = {};
  let asking = null; // what can be stopped
  let before = []; // in memory alone

  // --- small parts of the page ---

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") made.className = value;
      else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  }

  function said(text, attributes = {}) {
    return element("span", { lang: "", dir: "auto", ...attributes }, text);
  }

  function percentage(share) {
    if (share > 0 && share < 0.0005) return "< 0.1 %";
    return `${(100 * share).toFixed(1)} %`;
  }

  function tell(text) {
    at("status").textContent = text;
  }

  // --- what is asked ---

  const run = () => runs.get(form.run.value);
  const other = () => runs.get(form.compare.value);
  const reads = (chosen) => (chosen.reads === "pair" ? ["left", "right"] : ["text"]);

  function chosenTexts() {
    return Object.fromEntries(reads(run()).map((name) => [name, fields[name].value]));
  }

  function chosenOptions() {
    const options = {};
    for (const input of at("options").querySelectorAll("[name]")) {
      if (input.value !== "") options[input.name] = input.value;
    }
    return options;
  }

  function state() {
    return {
      run: form.run.value, compare: form.compare.value, texts: chosenTexts(),
      options: chosenOptions(),
    };
  }

  function fillRuns() {
    form.run.replaceChildren(...[...runs.keys()].map((name) => new Option(name, name)));
    form.hidden = false;
  }

  function facts(chosen) {
    if (!chosen) return "";
    const told = Object.entries(chosen.facts).map(([name, value]) => `${name} ${value}`);
    return [DOES[chosen.kind], ...told].join(" · ");
  }

  function fillOthers() {
    const kept = form.compare.value;
    const alike = [...runs.values()].filter((each) => each.reads === run().reads && each !== run());
    form.compare.replaceChildren(
      new Option("no other", ""), ...alike.map((each) => new Option(each.name, each.name)),
    );
    form.compare.value = alike.some((each) => each.name === kept) ? kept : "";
    at("comparing").hidden = alike.length === 0;
  }

  function showChoices(options = chosenOptions()) {
    fillOthers();
    at("facts").textContent = facts(run());
    at("other-facts").textContent = facts(other());
    const pair = run().reads === "pair";
    at("one").hidden = pair;
    at("left-one").hidden = at("right-one").hidden = !pair;
    document.querySelector("label[for=text]").textContent =
      run().kind === "generate" ? "Beginning" : "Text";
    const controls = ASKED.map((name) => control(name, offered(), options)).filter(Boolean);
    at("options").replaceChildren(element("legend", {}, "Options"), ...controls);
    at("options").hidden = controls.length === 0;
    showExamples();
    showCount();
  }

  /** Return what there is to choose of the run, and of the other one beside it. */
  function offered() {
    const [first, second] = [run().choices, other()?.choices];
    if (!second) return first;
    const own = Object.entries(first).filter(([, value]) => value !== null);
    const views = first.views.concat(second.views.filter((view) => !first.views.includes(view)));
    return { ...second, ...Object.fromEntries(own), views };
  }

  function control(name, choices, options) {
    let input = null;
    if (name === "view") {
      if (choices.views.length < 2) return null;
      input = element("select", {}, ...choices.views.map((view) => new Option(...VIEWS[view])));
    } else if (name === "layer" || name === "head") {
      if (!choices.heads || options.view === "heads") return null;
      input = name === "layer" ? layers(choices) : heads(choices, options);
    } else if (choices[name]) {
      const { least, most, step, default: usual } = choices[name];
      input = element("input", {
        type: "number", min: least, max: most, step, inputmode: step < 1 ? "decimal" : "numeric",
        placeholder: usual === null ? "none" : String(usual),
      });
    } else return null;
    input.name = name;
    input.id = `option-${name}`;
    input.value = options[name] ?? "";
    if (input.selectedIndex === -1) input.value = "";
    input.addEventListener("change", changed);
    return element("div", { class: "field" }, element("label", { for: input.id }, LABELS[name]), input);
  }

  function layers({ heads: counts, layer: usual }) {
    const numbers = counts.map((_, number) => new Option(String(number), String(number)));
    numbers[usual].value = "";
    return element("select", {}, ...numbers);
  }

  function heads({ heads: counts, layer: usual }, options) {
    const count = counts[Number(options.layer ?? usual)] ?? counts[usual];
    const numbers = Array.from({ length: count }, (_, number) => new Option(String(number)));
    return element("select", {}, new Option("mean of all", ""), ...numbers);
  }

  function changed() {
    showChoices();
    if (results.hasChildNodes()) look();
  }

  function showExamples() {
    const chips = run().examples.map((texts) => chip(texts, () => {
      reads(run()).forEach((name, number) => { fields[name].value = texts[number]; });
      look();
    }));
    at("examples").replaceChildren(element("span", {}, "Try"), ...chips);
    at("examples").hidden = chips.length === 0;
  }

  function chip(texts, onclick) {
    const label = texts.join(" / ").trim() || "(nothing)";
    return element("button", { type: "button", class: "chip", lang: "", dir: "auto", title: label, onclick }, label);
  }

  function showCount() {
    const longest = Math.max(...Object.values(chosenTexts()).map((text) => [...text].length));
    const shown = longest > 0.8 * limits.characters;
    at("count").hidden = !shown;
    at("count").classList.toggle("over", longest > limits.characters);
    if (shown) {
      const [some, most] = [longest, limits.characters].map((each) => each.toLocaleString("en"));
      at("count").textContent = `${some} of ${most} characters`;
    }
  }

  // --- links ---

  function linkTo({ run, compare, texts, options }) {
    const query = new URLSearchParams({ run, ...(compare && { compare }), ...texts, ...options });
    return `${location.pathname}?${query}`;
  }

  function fromLink() {
    const query = new URLSearchParams(location.search);
    const known = runs.has(query.get("run"));
    if (query.has("run") && !known) return { unknown: query.get("run") };
    form.run.value = known ? query.get("run") : [...runs.keys()][0];
    fillOthers();
    form.compare.value = query.get("compare") ?? "";
    if (form.compare.selectedIndex === -1) form.compare.value = "";
    for (const [name, field] of Object.entries(fields)) field.value = query.get(name) ?? "";
    const options = {};
    for (const name of ASKED) if (query.has(name)) options[name] = query.get(name);
    showChoices(options);
    return { asked: known && reads(run()).some((name) => query.has(name)) };
  }

  async function copyLink() {
    const link = new URL(linkTo(state()), location.href).href;
    if (link.length > LONGEST_LINK) return tell("The text is too long for a link.");
    try {
      await navigator.clipboard.writeText(link);
      flash(at("link"), "Copied");
    } catch {
      window.prompt("The link to this:", link); // where the clipboard may not be written to
    }
  }

  function flash(button, text) {
    const usual = button.dataset.usual ?? button.textContent;
    button.dataset.usual = usual;
    button.textContent = text;
    tell(text);
    setTimeout(() => { button.textContent = usual; }, 1500);
  }

  // --- asking ---

  function body(chosen, number, { texts, options }) {
    const fitting = {};
    for (const [name, value] of Object.entries(options)) {
      const offered = name === "layer" || name === "head" ? chosen.choices.heads
        : name === "view" ? chosen.choices.views.includes(value) : chosen.choices[name];
      if (offered) fitting[name] = name === "view" ? value : Number(value);
    }
    if (fitting.view === "heads") { delete fitting.layer; delete fitting.head; }
    if ("beam" in fitting) { delete fitting.temperature; delete fitting.seed; }
    return { run: chosen.name, ...texts, options: fitting, number };
  }

  async function post(path, asked, signal) {
    let response;
    try {
      response = await fetch(path, {
        method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify(asked), signal,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer. Is regard serve still running?");
    }
    if (response.ok) return response;
    const answer = await response.json().catch(() => null);
    throw new Error(sentence(answer?.error?.message ?? `The server answered ${response.status}.`));
  }

  function sentence(text) {
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
  }

  async function look({ linked = true } = {}) {
    const wanted = state();
    const chosen = [run(), other()].filter(Boolean);
    const empty = reads(run()).filter((name) => fields[name].value === "");
    for (const name of reads(run())) fields[name].toggleAttribute("aria-invalid", false);
    if (empty.length && run().kind !== "generate") {
      fields[empty[0]].setAttribute("aria-invalid", "true");
      fields[empty[0]].focus();
      return tell(EMPTY);
    }
    remember(wanted, linked);
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const panels = frames(chosen);
    tell("Looking…");
    const done = await Promise.all(chosen.map((each, index) =>
      lookInto(each, panels[index], body(each, index + 1, wanted), signal)));
    if (!signal.aborted) tell(done.every(Boolean) ? "Done." : "There is no answer.");
  }

  async function lookInto(chosen, panel, asked, signal) {
    try {
      const response = await post("api/look", asked, signal);
      show(panel, chosen, asked, await response.json());
      return true;
    } catch (error) {
      if (error.name === "AbortError") return false;
      fail(panel, chosen, error.message);
      return false;
    }
  }

  function frames(chosen) {
    const kept = [...results.children];
    const same = kept.length === chosen.length
      && kept.every((panel, index) => panel.dataset.run === chosen[index].name);
    const panels = same ? kept : chosen.map((each) => {
      const panel = element("section", { class: `panel ${each.kind}`, "aria-label": each.name });
      panel.dataset.run = each.name;
      panel.append(heading(each));
      return panel;
    });
    results.classList.toggle("two", panels.length > 1);
    if (!same) results.replaceChildren(...panels);
    for (const panel of panels) {
      panel.classList.add("busy");
      panel.setAttribute("aria-busy", "true");
    }
    return panels;
  }

  function heading(chosen) {
    return element("h2", {}, chosen.name);
  }

  function settle(panel, ...children) {
    panel.classList.remove("busy");
    panel.removeAttribute("aria-busy");
    panel.replaceChildren(...children);
  }

  function fail(panel, chosen, message) {
    settle(panel, heading(chosen), element("p", { class: "wrong", role: "alert" }, message));
  }

  // --- showing ---

  function show(panel, chosen, asked, seen) {
    const picture = element("div", { class: "picture" });
    picture.innerHTML = seen.fragment; // made by the server, which lets no text act
    settle(
      panel, heading(chosen), ...made(seen.prediction),
      ...seen.notices.map((notice) => element("p", { class: "notice" }, notice)),
      picture, ...scale(seen.weights.kind), saving(asked, panel, seen.weights.kind),
    );
    panel.classList.toggle("many", seen.weights.kind === "heads");
    window.regard?.enhance?.(picture);
  }

  function made(prediction) {
    if (prediction.kind === "translate") {
      const text = prediction.text === "" ? said("nothing", { class: "nothing" }) : said(prediction.text);
      const title = `log-probability ${prediction.score.toFixed(3)}`;
      return [element("p", { class: "made", title }, text)];
    }
    if (prediction.kind === "generate") {
      const { prompt, text } = prediction;
      const begins = text.startsWith(prompt) ? prompt : "";
      const first = element("span", { class: "prompt" }, begins);
      const rest = text.slice(begins.length);
      return [element("p", { class: "written", lang: "", dir: "auto" }, first, rest)];
    }
    const shares = Object.entries(prediction.probabilities);
    if (!shares.length) return [element("p", { class: "made" }, said(prediction.label))];
    const labels = prediction.labels ?? [prediction.label];
    const bars = shares.slice(0, SHOWN_CLASSES).map(([label, share]) => bar(label, share, labels));
    const more = shares.length - bars.length;
    const list = element("ul", { class: "shares", "aria-label": "Probabilities" }, ...bars);
    return more ? [list, element("p", { class: "rest" }, `and ${more} less probable`)] : [list];
  }

  function bar(label, share, chosen) {
    const filled = element("i");
    filled.style.width = `${100 * share}%`;
    return element(
      "li", { class: chosen.includes(label) ? "likely" : "" },
      said(label, { class: "name", title: label }),
      element("span", { class: "bar", "aria-hidden": "true" }, filled),
      element("span", { class: "share" }, percentage(share)),
    );
  }

  function scale(kind) {
    if (kind === "search") return []; // it has its own
    const most = kind === "shading" ? "strongest of the text" : "100 %";
    const steps = Array.from({ length: 21 }, (_, step) => element("i", { class: `w${5 * step}` }));
    return [element("p", { class: "scale" }, "Weight 0 ", element("span", { "aria-hidden": "true" }, ...steps), ` ${most}`)];
  }

  function saving(asked, panel, kind) {
    const { number, ...wanted } = asked;
    const buttons = ["svg", "html", "json"].map((format) => element("button", {
      type: "button", class: "plain",
      onclick: (event) => {
        // A table that can be seen as lines saves itself as it is seen.
        const own = kind === "matrix" && format === "svg" && [...panel.querySelectorAll(".saves button")]
          .find((each) => each.textContent === "SVG");
        if (own) own.click();
        else save({ ...wanted, format }, event.currentTarget, panel);
      },
    }, format.toUpperCase()));
    return element("div", { class: "saving", role: "group", "aria-label": "Save" }, element("span", {}, "Save as"), ...buttons);
  }

  async function save(asked, button, panel) {
    button.disabled = true;
    try {
      const response = await post("api/picture", asked);
      const address = URL.createObjectURL(await response.blob());
      const name = asked.run.replace(/[^\w.-]+/g, "-");
      element("a", { href: address, download: `${name}.${asked.format}` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    } catch (error) {
      panel.append(element("p", { class: "wrong", role: "alert" }, error.message));
    } finally {
      button.disabled = false;
    }
  }

  // --- what was asked before ---

  function remember(wanted, linked) {
    const link = linkTo(wanted);
    const address = link.length > LONGEST_LINK ? location.pathname : link;
    const changed = address !== location.pathname + location.search;
    if (linked && changed) history.pushState(null, "", address);
    before = [wanted, ...before.filter((each) => linkTo(each) !== link)].slice(0, REMEMBERED);
    const others = before.slice(1);
    at("texts").replaceChildren(...others.map((each) => chip(Object.values(each.texts), () => restore(each))));
    at("recent").hidden = others.length === 0;
  }

  function restore(wanted) {
    form.run.value = wanted.run;
    fillOthers();
    form.compare.value = wanted.compare;
    for (const [name, text] of Object.entries(wanted.texts)) fields[name].value = text;
    showChoices(wanted.options);
    look();
    window.scrollTo({ top: 0 });
  }

  // --- beginning ---

  async function begin() {
    let answer;
    try {
      answer = await (await fetch("api/runs")).json();
    } catch {
      results.replaceChildren(element("p", { class: "wrong", role: "alert" }, "The server does not answer."));
      return;
    }
    limits = answer.limits;
    runs = new Map(answer.runs.map((each) => [each.name, each]));
    fillRuns();
    open();
    form.run.addEventListener("change", changed);
    form.compare.addEventListener("change", changed);
    form.addEventListener("submit", (event) => { event.preventDefault(); look(); });
    at("link").addEventListener("click", copyLink);
    for (const field of Object.values(fields)) {
      field.addEventListener("input", () => { field.removeAttribute("aria-invalid"); showCount(); });
      field.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          look();
        }
      });
    }
    window.addEventListener("popstate", open);
  }

  function open() {
    const { unknown, asked } = fromLink();
    if (unknown !== undefined) {
      showChoices();
      const message = `There is no run ${unknown} here.`;
      results.replaceChildren(element("p", { class: "wrong", role: "alert" }, message));
    } else if (asked) look({ linked: false });
    else fields[reads(run())[0]].focus();
  }

  begin();
})();
