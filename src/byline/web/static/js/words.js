// The words of this page in its language: the server puts them into the page (`script_words`).

const block = document.getElementById("words");
const words = block ? JSON.parse(block.textContent) : {};

/** The words under `key`, each `{name}` replaced by `values.name`. An unknown key is shown as it is:
 *  better a strange word than an empty place. */
export function say(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));
}
