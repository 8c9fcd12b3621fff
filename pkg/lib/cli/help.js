// The texts of --help.

const WIDTH = 100;

/** Returns the list of commands, or of those of a group. */
export function overview(commands, group) {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary]);
  return [
    group
      ? "Catalogs of products: build and change them, search them by keywords, vectors and filters."
      : "CoROM, a Chinese e-commerce text embedding model: convert it, embed and rank texts.",
    "",
    `Usage: npx corom ${group ? `${group} ` : ""}COMMAND …`,
    "",
    "Commands:",
    ...table(rows),
    "",
    "Options:",
    ...table([
      ["-h, --help", `show the options and examples of a command: npx corom ${group ? `${group} build` : "convert"} --help`],
      ["-V, --version", "show the version"],
    ]),
  ].join("\n");
}

/** Returns the help of a command; `short` leaves out all but the usage. */
export function helpOf(name, command, length = "long") {
  const more = command.isVariadic ? "…" : "";
  const usage = `Usage: npx corom ${name} ${command.positionals.join(" ")}${more} [options]`;
  if (length === "short") return `${usage}\nOptions and examples: npx corom ${name} --help`;
  const options = Object.entries(command.options).map(([option, { short, value, optional, help }]) => {
    const assigned = value === undefined ? "" : optional === undefined ? ` ${value}` : `[=${value}]`;
    return [`${short ? `-${short}, ` : "    "}--${option}${assigned}`, help];
  });
  return [
    `${command.summary}.`,
    "",
    usage,
    "",
    "Arguments:",
    ...table(Object.entries(command.arguments)),
    "",
    "Options:",
    ...table([...options, ["-h, --help", "show this help"]]),
    "",
    "Examples:",
    ...command.examples.flatMap(([line, what]) => [`  # ${what}`, `  ${line}`]),
  ].join("\n");
}

/** Lays out two columns, and wraps the second. */
function table(rows) {
  const first = Math.min(30, Math.max(...rows.map(([name]) => name.length)));
  return rows.flatMap(([name, text]) => {
    const [head, ...more] = wrapped(text, WIDTH - first - 4);
    const indent = " ".repeat(first + 4);
    if (name.length > first) return [`  ${name}`, `${indent}${head}`, ...more.map((line) => indent + line)];
    return [`  ${name.padEnd(first)}  ${head}`, ...more.map((line) => indent + line)];
  });
}

function wrapped(text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== "" && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}
