// Links in texts. A text stays text: only http and https addresses become links, and they show where they lead.
const LINK = /https?:\/\/[^\s<>"'`{}|\\^\u0000-\u001f\u007f-\u00a0\u200b-\u200f\u2028-\u202f\u2066-\u2069]{1,2000}/giu;
const AFTER = /[.,;:!?'"\u2019\u201d\u2026]+$/u; // of the sentence, not of the address

export function linked(text) { // pieces of the text, in order: { text, href? }
  const pieces = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    let words = match[0].replace(AFTER, "");
    while (words.endsWith(")") && words.split(")").length > words.split("(").length) words = words.slice(0, -1).replace(AFTER, "");
    const href = address(words);
    if (!href) continue;
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) });
    pieces.push({ text: words, href });
    from = match.index + words.length;
  }
  if (from < text.length || !pieces.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

function address(words) { // null for what is no address of a host, or hides one behind a name and a password
  try {
    const url = new URL(words);
    const fine = ["http:", "https:"].includes(url.protocol) && url.hostname.includes(".") && !url.username && !url.password;
    return fine ? url.href : null;
  } catch {
    return null;
  }
}

export const host = (href) => new URL(href).hostname; // in ASCII: look-alike letters show as xn--
