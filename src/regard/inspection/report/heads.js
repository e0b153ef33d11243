/* All heads of an attention: small pictures in the table of their entropies, one of them large. */

const LONGEST_TURN = 80; // milliseconds
const THUMBNAIL = 112; // pixels, on screens with two for each

class HeadGrid {
  constructor(section, { name, matrices }, title, all) {
    this.matrices = matrices;
    this.title = [title, name].filter(Boolean).join(" ");
    this.stage = new Stage(section.querySelector(".stage"), this.title, all);
    this.stage.onstretch = () => this.paint();
    this.name = make("p", { class: "chosen", "aria-live": "polite" });
    this.stage.element.prepend(this.name);
    this.buttons = this.fill(section.querySelector("tbody"));
    section.querySelector(".scroll").addEventListener("keydown", (event) => this.press(event));
  }

  /** Make a button with a picture of every cell of the table, row by row. */
  fill(body) {
    const places = [...body.rows].map((row) => [...row.querySelectorAll("td")]);
    const cells = places.flatMap((row, layer) => row.map((cell, head) => ({ cell, layer, head })));
    return cells.map(({ cell, layer, head }, place) => {
      const nats = make("span", {}, cell.textContent);
      const label = `layer ${layer}, head ${head}, entropy ${cell.textContent} nats`;
      const made = button(nats, () => this.choose(place), { "aria-label": label, tabindex: -1 });
      nats.before(make("canvas"));
      cell.replaceChildren(made);
      return { element: made, layer, head };
    });
  }

  /** Draw the first head, and then the others, with pauses in which the page can answer. */
  async start() {
    this.choose(0);
    let begun = performance.now();
    for (const place of this.buttons.keys()) {
      if (performance.now() - begun > LONGEST_TURN) {
        await new Promise((go) => setTimeout(go));
        begun = performance.now();
      }
      this.buttons[place].picture = thumbnail(this.matrices[place].picture);
      this.paintOne(this.buttons[place]);
    }
    painted(this.buttons[0].element, () => this.paint());
    painted(this.stage.element, () => this.stage.paint());
  }

  paint() {
    for (const each of this.buttons) this.paintOne(each);
  }

  paintOne({ element, picture }) {
    if (!picture) return;
    const [columns, rows] = [[0, picture.width], [0, picture.height]];
    const colours = coloursOfBytes(this.matrices[0].largest, this.stage.most);
    paintPixels(element.querySelector("canvas"), picture, columns, rows, colours);
  }

  choose(place) {
    this.chosen = place;
    for (const [at, { element }] of this.buttons.entries()) {
      element.setAttribute("aria-pressed", at === place);
      element.tabIndex = at === place ? 0 : -1;
    }
    const matrix = this.matrices[place];
    const { layer, head, entropy } = matrix.head;
    const name = `layer ${layer}, head ${head}`;
    this.name.replaceChildren(make("b", {}, name), ` · entropy ${entropy.toFixed(2)} nats`);
    this.stage.show(matrix, `${this.title} ${name}`);
  }

  press(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { layer, head } = this.buttons[this.chosen];
    const [down, across] = moves[event.key];
    const next = this.buttons.findIndex(
      (each) => each.layer === layer + down && each.head === head + across,
    );
    if (next < 0) return;
    this.buttons[next].element.focus();
    this.choose(next);
  }
}

/** Return a picture small enough for its place in the grid. */
function thumbnail(picture) {
  const across = Math.ceil(picture.width / THUMBNAIL);
  const down = Math.ceil(picture.height / THUMBNAIL);
  return across * down > 1 ? coarser(picture, across, down) : picture;
}
