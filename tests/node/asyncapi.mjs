// `node asyncapi.mjs FILE`: what the official parser says of an AsyncAPI document, a line each; exit code 1 for an error.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import { AvroSchemaParser } from "@asyncapi/avro-schema-parser";

const parser = new Parser({ schemaParsers: [AvroSchemaParser()] });
const { document, diagnostics } = await parser.parse(readFileSync(process.argv[2], "utf-8"));
const words = ["error", "warning", "information", "hint"];
for (const each of diagnostics) {
  console.log(`${words[each.severity]} ${each.code} at ${each.path.join(".")}: ${each.message}`);
}
if (document === undefined || diagnostics.some((each) => each.severity === 0)) {
  process.exitCode = 1;
} else {
  console.log(`ok ${document.version()} ${document.channels().length} channels ${document.operations().length} operations`);
}
