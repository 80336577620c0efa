// @ts-check
/** Where a text occurs in lines, and lines cut at these places. Pure. */

/** @typedef {import("./ansi.js").Span & { match?: boolean }} Piece */

/**
 * Return the numbers of the rows whose text has the wanted one in it, capitals or not.
 * @param {{ text: string }[]} rows
 * @param {string} wanted
 * @returns {number[]}
 */
export function matchesOf(rows, wanted) {
  if (!wanted) return [];
  const needle = wanted.toLowerCase();
  const found = [];
  for (let number = 0; number < rows.length; number += 1) if (rows[number].text.toLowerCase().includes(needle)) found.push(number);
  return found;
}

/**
 * Return a line's spans, cut so that each occurrence of the wanted text is a piece.
 * @param {{ text: string, spans: import("./ansi.js").Span[]|null }} line
 * @param {string} wanted
 * @returns {Piece[]}
 */
export function piecesOf(line, wanted) {
  const spans = line.spans ?? [{ text: line.text, className: "" }];
  if (!wanted) return spans;
  const borders = bordersOf(line.text.toLowerCase(), wanted.toLowerCase());
  /** @type {Piece[]} */
  const pieces = [];
  let place = 0;
  for (const span of spans) {
    let from = place;
    const end = place + span.text.length;
    while (from < end) {
      const inside = borders.find(([start, stop]) => start <= from && from < stop);
      const next = inside ? inside[1] : (borders.find(([start]) => start > from)?.[0] ?? end);
      const to = Math.min(next, end);
      pieces.push({ ...span, text: line.text.slice(from, to), match: inside !== undefined });
      from = to;
    }
    place = end;
  }
  return pieces;
}

/** @param {string} text @param {string} needle @returns {[number, number][]} */
function bordersOf(text, needle) {
  /** @type {[number, number][]} */
  const borders = [];
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) borders.push([at, at + needle.length]);
  return borders;
}
