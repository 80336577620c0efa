// @ts-check
/** Colours of a terminal, read from their escape sequences (ECMA-48 SGR). Other sequences are dropped. Pure. */

/** @typedef {{ text: string, className: string, colour?: string, background?: string }} Span */

const ESCAPE = "\u001b";
// CSI …, OSC … up to BEL or ST, and the two-character sequences.
const SEQUENCE = /\u001b(?:\[([0-9;:?<=>]*)([ -/]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|[@-Z\\^_]|$)/g;
// What has no place in a line: the C0 and C1 controls but the tab.
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const STYLES = /** @type {Record<number, string>} */ ({ 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" });
const STYLES_OFF = /** @type {Record<number, string[]>} */ ({ 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] });

/**
 * Return a line's text without sequences and, when it has colours, its spans.
 * @param {string} line
 * @returns {{ text: string, spans: Span[]|null }}
 */
export function readAnsi(line) {
  if (!line.includes(ESCAPE)) return { text: line.replace(CONTROL, ""), spans: null };
  /** @type {Span[]} */
  const spans = [];
  const pen = new Pen();
  let from = 0;
  for (const match of line.matchAll(SEQUENCE)) {
    add(spans, line.slice(from, match.index), pen);
    from = match.index + match[0].length;
    if (match[3] === "m") pen.take(match[1]);
  }
  add(spans, line.slice(from), pen);
  const text = spans.map((span) => span.text).join("");
  return { text, spans: spans.some((span) => span.className || span.colour || span.background) ? spans : null };
}

/** @param {Span[]} spans @param {string} raw @param {Pen} pen */
function add(spans, raw, pen) {
  const text = raw.replace(CONTROL, "");
  if (text) spans.push({ text, ...pen.look() });
}

/** What the next characters look like. */
class Pen {
  /** @type {Set<string>} */
  styles = new Set();
  foreground = "";
  background = "";

  reset() {
    this.styles.clear();
    this.foreground = "";
    this.background = "";
  }

  look() {
    const classes = [...this.styles].map((style) => `peach-ansi-${style}`);
    const { foreground, background } = this;
    const own = (/** @type {string} */ colour) => (colour.startsWith("rgb") ? colour : undefined);
    if (foreground && !own(foreground)) classes.push(`peach-ansi-${foreground}`);
    if (background && !own(background)) classes.push(`peach-ansi-on-${background}`);
    return { className: classes.join(" "), colour: own(foreground), background: own(background) };
  }

  /** @param {string} parameters of one SGR sequence, such as `1;38;5;208` */
  take(parameters) {
    const codes = parameters.split(/[;:]/).map((code) => Number(code || 0));
    while (codes.length > 0) {
      const code = /** @type {number} */ (codes.shift());
      if (code === 0) this.reset();
      else if (STYLES[code]) this.styles.add(STYLES[code]);
      else if (STYLES_OFF[code]) STYLES_OFF[code].forEach((style) => this.styles.delete(style));
      else if (code === 38) this.foreground = extended(codes) ?? this.foreground;
      else if (code === 48) this.background = extended(codes) ?? this.background;
      else if (code === 39) this.foreground = "";
      else if (code === 49) this.background = "";
      else if (code >= 30 && code <= 37) this.foreground = NAMES[code - 30];
      else if (code >= 40 && code <= 47) this.background = NAMES[code - 40];
      else if (code >= 90 && code <= 97) this.foreground = `bright-${NAMES[code - 90]}`;
      else if (code >= 100 && code <= 107) this.background = `bright-${NAMES[code - 100]}`;
    }
  }
}

/**
 * Take an extended colour off the codes: `5;n` of 256, or `2;r;g;b`.
 * @param {number[]} codes
 * @returns {string|undefined}
 */
function extended(codes) {
  const kind = codes.shift();
  if (kind === 2) {
    const [red, green, blue] = codes.splice(0, 3).map(byte);
    return blue === undefined ? undefined : `rgb(${red}, ${green}, ${blue})`;
  }
  if (kind !== 5) return undefined;
  const number = byte(codes.shift() ?? 0);
  if (number < 16) return `${number < 8 ? "" : "bright-"}${NAMES[number % 8]}`;
  if (number >= 232) {
    const grey = 8 + (number - 232) * 10;
    return `rgb(${grey}, ${grey}, ${grey})`;
  }
  const level = (/** @type {number} */ step) => (step === 0 ? 0 : 55 + step * 40);
  const cube = number - 16;
  return `rgb(${level(Math.floor(cube / 36))}, ${level(Math.floor(cube / 6) % 6)}, ${level(cube % 6)})`;
}

/** @param {number} value */
function byte(value) {
  return Math.min(255, Math.max(0, Math.trunc(value) || 0));
}
