// Sets a field in a line of JSON, and leaves every other character as it is: parsing the line and writing it again would
// round integers above 2^53, such as ids of 64 bits.

/** Returns the line of a JSON object with the field `name` set to `json`. The line must be valid JSON. */
export function withField(line, name, json) {
  const { fields, end } = fieldsOf(line);
  const named = fields.filter(({ key }) => JSON.parse(line.slice(...key)) === name);
  if (named.length === 0) return `${line.slice(0, end)}${fields.length > 0 ? "," : ""}${JSON.stringify(name)}:${json}}`;
  let [text, at] = ["", 0];
  for (const { value } of named) {
    text += line.slice(at, value[0]) + json;
    at = value[1];
  }
  return text + line.slice(at, end + 1);
}

/** Returns the places of an object's own fields, `{ key: [start, end], value: [start, end] }`, and of its last brace. */
function fieldsOf(line) {
  const fields = [];
  let [depth, start, key] = [0, 0, undefined];
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (c === '"') i = endOfString(line, i);
    else if (c === "{" || c === "[") {
      if (++depth === 1) start = i + 1;
    } else if (depth === 1 && c === ":" && key === undefined) {
      key = [start, i];
      start = i + 1;
    } else if (c === "," || c === "}" || c === "]") {
      const isEnd = c !== ",";
      if (depth === 1 && key !== undefined) fields.push({ key, value: [start, i] });
      if (depth === 1) [start, key] = [i + 1, undefined];
      if (isEnd && --depth === 0) return { fields, end: i };
    }
  }
  throw new TypeError("the line is not the JSON of an object");
}

/** Returns the place of the quote that ends the string which begins at `i`. */
function endOfString(line, i) {
  for (i++; line[i] !== '"'; i++) if (line[i] === "\\") i++;
  return i;
}
